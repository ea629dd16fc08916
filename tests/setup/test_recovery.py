"""Tests of backup, restore, drill and upgrade, on real clusters: nothing that was acknowledged and archived is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from benchmarks import recovery
from layers.cluster import PrivateCluster, borrowed_cluster, running_url
from layers.cluster.archive import archived_segments, lineage, missing_segments
from layers.cluster.base_backup import DamagedBackup
from layers.database.identity import database_identity
from layers.errors import BadInput, Conflict
from layers.recovery.folder import BackupFolder
from layers.recovery.measure import differences, measure
from layers.recovery.physical import flush_archive
from layers.recovery.restored import mark_restored
from layers.schema.migrate import migration_files, pending
from server.database import prepare
from server.installation import PROJECT
from server.recovery.backup import backup_folder, make_backup
from server.recovery.drill import drill
from server.recovery.restore import WantedBackup, discard, restore
from server.recovery.upgrade import fewer_rows, plan
from server.settings import Settings, load_settings
from tests.folders import new_database_folder
from tests.setup.test_up import wait_until

pytestmark = pytest.mark.timeout(400)


def settings_for(home: Path, backup: Path) -> Settings:
    return load_settings(home=home, backup={"folder": backup, "archive_timeout_s": 60}, demo={"enabled": False})


def ask(url: str, sql: str, *values: object) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def note(url: str, text: str) -> datetime:
    """Write a row; return the database's time after its commit."""
    ask(url, "INSERT INTO onemap.load (layer, source, mode) VALUES ('grids', $1, 'append')", text)
    return ask(url, "SELECT clock_timestamp()")  # type: ignore[no-any-return]


def noted(url: str) -> list[str]:
    return ask(url, "SELECT coalesce(array_agg(source ORDER BY id), '{}') FROM onemap.load")  # type: ignore[no-any-return]


def identity_of(url: str) -> str:
    async def read() -> str:
        connection = await asyncpg.connect(url)
        try:
            return await database_identity(connection)
        finally:
            await connection.close()

    return asyncio.run(read())


class Installation:
    """A home with files and rows, its first backup, and moments of its life after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.backup = folder / "home", BackupFolder(folder / "backup")
        self.settings = settings_for(self.home, self.backup.path)
        with PrivateCluster(self.home) as url:
            asyncio.run(prepare(url))
            self.identity = identity_of(url)
            note(url, "before the backup")
            for name, mode in (("secrets/demo", 0o600), ("rasters/dem.tif", 0o644), ("tiles/aa/cached", 0o600)):
                (self.home / name).parent.mkdir(parents=True, exist_ok=True)
                (self.home / name).write_bytes(name.encode())
                (self.home / name).chmod(mode)
            self.first = make_backup(self.settings, url, "test").id
            self.after_first = note(url, "after the backup")
            self.moment = note(url, "wanted")
            note(url, "too late")
            asyncio.run(flush_archive(url, self.home))

    def restore(self, name: str, wanted: WantedBackup | None = None) -> Path:
        """Restore into a new home beside this one."""
        home = self.folder / name
        restore(settings_for(home, self.backup.path), self.backup, wanted or WantedBackup())
        return home


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    folder = new_database_folder()
    try:
        yield Installation(folder)
    finally:
        for home in folder.glob("*home*"):
            discard(home)
        shutil.rmtree(folder)


def test_the_newest_state_comes_back_with_files_and_rights_and_another_identity(installation: Installation):
    home = installation.restore("new-home")
    with borrowed_cluster(home) as url:
        assert noted(url) == ["before the backup", "after the backup", "wanted", "too late"]
        assert identity_of(url) != installation.identity, "caches of before must not be believed"
        assert ask(url, "SHOW archive_command") == "/bin/true", "a copy does not write into the archive"
    assert (home / "rasters" / "dem.tif").read_bytes() == b"rasters/dem.tif"
    assert (home / "secrets" / "demo").stat().st_mode & 0o777 == 0o600
    assert not (home / "tiles").exists(), "a cache is not restored"


def test_a_moment_is_restored_to_the_row(installation: Installation):
    home = installation.restore("moment-home", WantedBackup(moment=installation.moment))
    with borrowed_cluster(home) as url:
        assert noted(url) == ["before the backup", "after the backup", "wanted"]


def test_moments_outside_the_archive_are_refused_with_what_there_is(installation: Installation):
    with pytest.raises(BadInput, match="the oldest is of"):
        installation.restore("early-home", WantedBackup(moment=datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(BadInput, match="the archive ends before"):
        installation.restore("late-home", WantedBackup(moment=datetime.now(UTC) + timedelta(days=1)))
    assert not (installation.folder / "late-home").exists(), "nothing passes for a home before it is whole"
    discard(installation.folder / "late-home.restoring")


@pytest.fixture
def busy_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let restored servers write more than a segment, and recycle what counts as archived, before they are stopped."""

    async def mark(url: str, *what: Any) -> None:
        await mark_restored(url, *what)
        connection = await asyncpg.connect(url)
        try:
            for _ in range(3):
                await connection.execute("SELECT txid_current()")
                await connection.execute("SELECT pg_switch_wal()")
                await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    monkeypatch.setattr("server.recovery.restore.mark_restored", mark)


@pytest.mark.usefixtures("busy_restores")
def test_a_home_that_is_there_is_kept_and_the_newest_timeline_is_followed(installation: Installation):
    folder = installation.folder / "second"
    folder.mkdir()
    folder.chmod(0o711)
    second = Installation(folder)
    with pytest.raises(Conflict, match="--replace"):
        restore(second.settings, second.backup, WantedBackup())
    with borrowed_cluster(second.home) as url:
        abandoned = make_backup(second.settings, url, "of a life that is left")
        note(url, "in the last segment")
    done = restore(second.settings, second.backup, WantedBackup(moment=second.after_first), replace=True)
    assert done.former is not None
    archived = archived_segments(second.backup.wal)
    assert missing_segments(archived, archived[0], lineage(second.backup.wal)) == [], "the new life from its begin"
    with borrowed_cluster(done.former) as url:
        assert noted(url)[-1] == "in the last segment"
    with borrowed_cluster(second.home) as url:
        assert noted(url) == ["before the backup", "after the backup"]
        note(url, "second life")
        assert second.backup.newest().id == second.first, "the second life is archived from its begin"
        make_backup(second.settings, url, "of the second life")
        note(url, "second life goes on")
        asyncio.run(flush_archive(url, second.home))
    assert second.backup.newest().id not in {abandoned.id, second.first}
    shutil.rmtree(second.backup.of(second.backup.newest().id))
    assert second.backup.newest().id == second.first, "the backup of the abandoned life leads nowhere"
    restore(second.settings, second.backup, WantedBackup(), replace=True)
    with borrowed_cluster(second.home) as url:
        assert noted(url) == ["before the backup", "after the backup", "second life", "second life goes on"]
    exact = installation.folder / "exact-home"
    restore(settings_for(exact, second.backup.path), second.backup, WantedBackup(abandoned.id))
    with borrowed_cluster(exact) as url:
        assert noted(url) == ["before the backup", "after the backup", "wanted", "too late"]
    for home in folder.glob("home*"):
        discard(home)


def test_a_drill_finds_everything_as_it_was_and_leaves_nothing(installation: Installation):
    at = installation.folder / "drills"
    at.mkdir()
    at.chmod(0o711)
    with borrowed_cluster(installation.home) as url:
        before = ask(url, "SELECT coalesce(max(last_seq), 0) FROM twin.change")
        steps: list[str] = []
        found = drill(
            installation.backup,
            backup_id=installation.first,
            running=url,
            at=at,
            report=lambda step, *_: steps.append(step),
        )
        assert list(at.iterdir()) == []
        assert (found.faults, found.notes, found.lost) == ((), (), 0)
        assert found.tables > 50
        assert found.rows > 0
        assert found.rto_s < 7200
        assert ask(url, "SELECT coalesce(max(last_seq), 0) FROM twin.change") == before
        assert any("map" in step for step in steps)


def test_what_differs_from_the_manifest_is_named(installation: Installation):
    expected = installation.backup.read(installation.first).measured
    assert expected.exact
    with borrowed_cluster(installation.home) as url:

        async def now() -> list[str]:
            connection = await asyncpg.connect(url)
            try:
                return differences(expected, await measure(connection))
            finally:
                await connection.close()

        assert asyncio.run(now()) == ["onemap.load: 4 rows, 1 were there"]
    assert fewer_rows(expected, expected) == []
    lost = expected.model_copy(update={"tables": {**expected.tables, "layer.grids": expected.tables["onemap.load"]}})
    assert fewer_rows(lost, expected) == ["layer.grids: 0 rows, 1 were there"]


def test_an_upgrade_backs_up_migrates_and_goes_back(installation: Installation):
    home = installation.restore("upgraded-home", WantedBackup(installation.first))
    with borrowed_cluster(home) as url:
        last = migration_files()[-1].stem
        ask(url, "DELETE FROM onemap.migration WHERE name = $1", last)
        ask(url, "INSERT INTO onemap.migration (name) VALUES ($1)", f"{last}_newer")
        with pytest.raises(Conflict, match="newer than this program"):
            plan(settings_for(home, installation.folder / "upgrades"), url)
        ask(url, "DELETE FROM onemap.migration WHERE name = $1", f"{last}_newer")
        ask(url, "INSERT INTO onemap.migration (name) VALUES ($1)", last)
        ask(
            url,
            "UPDATE onemap.setting SET value = value - 'layers/schema/sql/010_catalogue.sql' WHERE name = 'sql_files'",
        )
    words = ("--home", home, "--to", installation.folder / "upgrades", "--yes")
    with onemap("upgrade", *words) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "layers/schema/sql/010_catalogue.sql" in said
    with borrowed_cluster(home) as url:
        note(url, "after the upgrade")
    with onemap("upgrade", *words) as process:
        assert "nothing to do" in process.communicate()[0]
    with onemap("upgrade", "--back", *words) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    with borrowed_cluster(home) as url:
        assert noted(url) == ["before the backup"]
        assert asyncio.run(pending(url)) == ["layers/schema/sql/010_catalogue.sql"]


def test_a_damaged_backup_is_refused_before_anything_happens(installation: Installation):
    base = installation.backup.of(installation.first) / "database" / "base.tar.gz"
    whole = base.read_bytes()
    try:
        base.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
        with pytest.raises(DamagedBackup, match=r"base\.tar\.gz is not the file that was written"):
            installation.restore("damaged-home")
    finally:
        base.write_bytes(whole)
    segment = installation.backup.wal / f"{installation.backup.read(installation.first).database.last_segment}.gz"
    hidden = segment.rename(segment.with_suffix(".hidden"))
    try:
        with pytest.raises(DamagedBackup, match="has gaps"):
            installation.restore("damaged-home")
    finally:
        hidden.rename(segment)
    assert not (installation.folder / "damaged-home").exists()


def onemap(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "server.cli", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_backup_that_is_killed_leaves_the_last_one_whole_and_the_next_one_clears_up(installation: Installation):
    folder = installation.backup
    before = folder.ids()
    with borrowed_cluster(installation.home) as url:
        with onemap("backup", "--home", installation.home, "--to", folder.path) as process:
            wait_until(lambda: folder.halves() or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
        assert folder.ids() == before
        assert len(folder.halves()) == 1
        assert folder.damages(folder.read()) == []
        with onemap("backup", "list", "--home", installation.home, "--from", folder.path) as process:
            said = process.communicate()[0]
        assert "未完成" in said
        make_backup(installation.settings, url, "again")
    assert folder.halves() == []
    assert len(folder.ids()) == len(before) + 1


def test_the_backup_must_not_lie_in_the_home_and_needs_a_home(installation: Installation):
    with pytest.raises(BadInput, match="is in the home"):
        backup_folder(settings_for(installation.home, installation.home / "backup"))
    with onemap("backup", "--home", installation.folder / "none-home", "--to", installation.folder / "x") as process:
        assert "there is no OneMap" in process.communicate()[0]
    assert process.returncode == 1


def test_a_running_home_is_not_restored_over(installation: Installation):
    with (
        PrivateCluster(installation.home),
        pytest.raises(Conflict, match="it is running"),
    ):
        restore(installation.settings, installation.backup, WantedBackup(), replace=True)
    assert running_url(installation.home) is None


_TIMEOUT_S = 2
_WRITING_S = 30.0  # from the end of a segment to its file, on a slow machine


def test_a_dead_disk_loses_only_the_newest_acknowledged_events(record_property: Any):
    folder = new_database_folder()
    try:
        found = recovery.measure(folder, None, _TIMEOUT_S)
        assert (folder / "home" / "secrets" / "demo").exists(), "the feed's key came back with the files"
    finally:
        discard(folder / "home")
        shutil.rmtree(folder)
    record_property("lost", f"{len(found.lost)} of {len(found.acknowledged)}, {found.window_s:.1f} s")
    assert len(found.lost) < len(found.acknowledged)
    assert found.lost == found.acknowledged[len(found.acknowledged) - len(found.lost) :], "only the newest"
    assert found.window_s < _TIMEOUT_S + _WRITING_S
    assert found.rto_s < 7200
