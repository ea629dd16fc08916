"""Tests of what the doctor says about backups, and of when the backup process makes one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers.recovery.folder import BackupFolder
from server.doctor.backups import examine_backups
from server.doctor.machine import FindingState
from server.processes.backups import is_due
from server.settings import Settings, load_settings
from tests.layers.recovery.test_folder import make

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    (home / "postgres" / "data" / "pg_wal" / "archive_status").mkdir(parents=True)
    record = {"folder": "postgres", "socket_dir": str(home / "postgres" / "run")}
    (home / "cluster.json").write_text(json.dumps(record), encoding="utf-8")
    url = "postgresql://somebody@db.example/onemap"
    return load_settings(home=home, database={"url": url}, backup={"folder": tmp_path / "backup"})


def states(settings: Settings) -> list[tuple[FindingState, str]]:
    return [(one.state, one.detail) for one in examine_backups(settings, NOW)]


def test_an_installation_without_backups_is_warned(tmp_path: Path):
    [(state, detail)] = states(load_settings(home=tmp_path))
    assert state is FindingState.WARNING
    assert "there is none" in detail


def test_a_folder_without_a_whole_backup_and_an_old_backup_are_warned(settings: Settings):
    assert states(settings)[0][0] is FindingState.WARNING
    folder = BackupFolder(settings.backup.folder or Path())
    folder.prepare("one")
    assert "no whole backup yet" in states(settings)[0][1]
    make(folder, NOW - timedelta(days=5))
    assert "5 days old" in states(settings)[0][1]
    make(folder, NOW - timedelta(hours=1))
    assert "on the disk of the data" in states(settings)[0][1]


def test_a_log_that_is_not_taken_is_wrong(settings: Settings):
    folder = BackupFolder(settings.backup.folder or Path())
    folder.prepare("one")
    make(folder, NOW)
    waiting = settings.home / "postgres" / "data" / "pg_wal" / "archive_status"
    for number in range(3):
        (waiting / f"00000001000000000000000{number}.ready").touch()
    assert [state for state, _ in states(settings)] == [FindingState.WARNING]
    (waiting / "000000010000000000000009.ready").touch()
    assert "4 segments of the log wait" in states(settings)[-1][1]
    assert states(settings)[-1][0] is FindingState.WRONG


def test_a_backup_is_due_when_there_is_none_or_the_last_is_old_and_never_when_turned_off(settings: Settings):
    assert is_due(settings, NOW)
    folder = BackupFolder(settings.backup.folder or Path())
    folder.prepare("one")
    assert is_due(settings, NOW)
    make(folder, NOW - timedelta(hours=23))
    assert not is_due(settings, NOW)
    assert is_due(settings, NOW + timedelta(hours=1))
    off = settings.model_copy(update={"backup": settings.backup.model_copy(update={"every_h": 0.0})})
    assert not is_due(off, NOW + timedelta(days=30))
