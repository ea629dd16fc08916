"""Tests of the folder of backups: whose it is, who writes, what is whole."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from layers.cluster.base_backup import DamagedBackup
from layers.errors import BadInput, Conflict, NotFound
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import MANIFEST_FILE, LogicalBackup, Manifest, Measured, part_of, write_durably


def make(folder: BackupFolder, at: datetime) -> str:
    with folder.new_backup() as (backup_id, half):
        (half / "database").mkdir()
        (half / "database" / "onemap.dump").write_bytes(b"rows")
        manifest = Manifest(
            id=backup_id,
            reason="test",
            began_at=at,
            ended_at=at,
            build="0",
            migration="0001_catalogue",
            database=LogicalBackup(system="here", version=15, login="one", owners=()),
            database_bytes=1,
            measured=Measured(at=at, exact=True, tables={}, layers={}, log_seq=0),
            parts=(part_of(half, "database/onemap.dump"),),
            files="none",
            left_out=(),
        )
        write_durably(half / MANIFEST_FILE, manifest.model_dump_json().encode())
    return backup_id


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    folder = BackupFolder(tmp_path / "backup")
    folder.prepare("one")
    return folder


def test_a_backup_that_was_interrupted_is_named_as_half_and_is_no_backup(folder):
    whole = make(folder, NOON)
    with pytest.raises(RuntimeError), folder.new_backup() as (half, _):
        raise RuntimeError
    assert folder.ids() == [whole]
    assert [path.name for path in folder.halves()] == [f"{half}.half"]
    assert folder.read().id == whole


def test_a_backup_without_a_manifest_is_not_whole(folder):
    with pytest.raises(DamagedBackup, match="no manifest"), folder.new_backup():
        pass
    assert folder.ids() == []


def test_backups_of_one_second_have_different_ids_in_their_order(folder):
    made = [make(folder, NOON) for _ in range(3)]
    assert len(set(made)) == 3
    assert folder.ids() == made


def test_only_the_newest_backup_of_before_a_moment_is_chosen(folder):
    made = [make(folder, NOON + timedelta(hours=hour)) for hour in range(3)]
    assert folder.newest(NOON + timedelta(hours=1, minutes=1)).id == made[1]
    assert folder.newest(NOON + timedelta(days=1)).id == made[2]
    with pytest.raises(BadInput, match="the oldest is of 2026-11-29T12:00:00"):
        folder.newest(NOON - timedelta(seconds=1))


def test_a_changed_part_and_a_missing_one_are_found(folder):
    manifest = folder.read(make(folder, NOON))
    assert folder.damages(manifest) == []
    part = folder.of(manifest.id) / "database" / "onemap.dump"
    part.write_bytes(b"rowz")
    assert "is not the file that was written" in folder.damages(manifest)[0]
    part.unlink()
    assert "is missing" in folder.damages(manifest)[0]


def test_a_folder_of_something_else_is_refused_and_so_is_that_of_another_database(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work", encoding="ascii")
    with pytest.raises(BadInput, match="is not empty and holds no backups"):
        BackupFolder(tmp_path / "other").prepare("one")
    with pytest.raises(Conflict, match="holds the backups of another database"):
        folder.prepare("two")
    with pytest.raises(NotFound, match="holds no backups of OneMap"):
        BackupFolder(tmp_path / "none").read()


def test_an_unknown_id_is_answered_with_the_known_ones(folder):
    with pytest.raises(NotFound, match="there are: none"):
        folder.read("20200101T000000Z")
    with pytest.raises(NotFound, match="holds no whole backup yet"):
        folder.read()


def test_two_writers_at_once_are_refused_and_a_killed_one_blocks_nobody(folder):
    code = (
        "from pathlib import Path; from layers.recovery.folder import BackupFolder; import signal\n"
        f"with BackupFolder(Path({str(folder.path)!r})).writing(): print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
        with pytest.raises(Conflict, match=rf"another backup is being written .*{other.pid}"), folder.writing():
            pass
        other.kill()
    with folder.writing():
        pass
