"""An upgrade of a database to the version of this program: planned, backed up, checked, and reversible."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from layers.errors import Conflict, NotFound
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import Manifest, Measured, write_durably
from layers.recovery.measure import database_bytes, last_migration, measure, read_from
from layers.schema.migrate import migration_files, pending
from server.build import build_id
from server.database import prepare
from server.recovery.backup import StepReport, backup_folder, make_backup
from server.recovery.recorded import record_recovery
from server.recovery.restore import Restored, WantedBackup, restore
from server.settings import Settings

_RECORD = "upgraded.json"


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade will do.

    Attributes
    ----------
    build
        The version of this program.
    migration, target
        The last migration of the database, and of this program.
    steps
        Migrations to be applied, or the SQL files that have changed; empty when there is nothing to do.
    database_bytes, free_bytes
        Size of the database, and room in the folder of backups.
    """

    build: str
    migration: str
    target: str
    steps: tuple[str, ...]
    database_bytes: int
    free_bytes: int


def plan(settings: Settings, url: str) -> UpgradePlan:
    """Say what an upgrade will do; nothing changes.

    Raises
    ------
    BadInput
        When there is no folder of backups.
    Conflict
        When the database is newer than this program.
    """
    known = [path.stem for path in migration_files()]
    migration = asyncio.run(read_from(url, last_migration))
    if migration and migration not in known:
        raise Conflict(f"the database is newer than this program: it has {migration}; update OneMap")
    path = backup_folder(settings).path
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    return UpgradePlan(
        build=build_id(),
        migration=migration,
        target=known[-1],
        steps=tuple(asyncio.run(pending(url))),
        database_bytes=asyncio.run(database_bytes(url)),
        free_bytes=shutil.disk_usage(there).free,
    )


def upgrade(settings: Settings, url: str, *, config: Path | None, report: StepReport) -> tuple[Manifest, list[str]]:
    """Back up, migrate, compare; return the backup, and the tables that have fewer rows than before.

    Raises
    ------
    OneMapError
        When a step fails; the backup is there by then, or nothing has changed.
    """
    manifest = make_backup(settings, url, f"升级前 before the upgrade to {build_id()}", config=config, report=report)
    record = {"backup": manifest.id, "folder": str(backup_folder(settings).path), "from": manifest.migration}
    write_durably(settings.home / _RECORD, json.dumps(record | {"at": datetime.now(UTC).isoformat()}).encode())
    report("迁移 migrating", 0, 0)
    asyncio.run(prepare(url, settings.layers))
    asyncio.run(record_recovery(url, "upgrade", before=manifest.migration, build=build_id()))
    report("核对 comparing", 0, 0)
    return manifest, fewer_rows(manifest.measured, asyncio.run(read_from(url, measure)))


def fewer_rows(before: Measured, after: Measured) -> list[str]:
    """Return in words which tables lost rows or are gone."""
    return [
        f"{name}: {after.tables[name].rows:,} rows, {was.rows:,} were there"
        if name in after.tables
        else f"{name}: gone, {was.rows:,} rows were there"
        for name, was in sorted(before.tables.items())
        if was.rows > (after.tables[name].rows if name in after.tables else 0)
    ]


def go_back(settings: Settings, *, report: StepReport) -> Restored:
    """Restore the backup that the last upgrade made before it began.

    Raises
    ------
    NotFound
        When no upgrade was made here.
    OneMapError
        When the backup cannot be restored.
    """
    try:
        record = json.loads((settings.home / _RECORD).read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"no upgrade was made in {settings.home}; ./onemap restore restores any backup") from error
    folder = BackupFolder(Path(record["folder"]))
    return restore(settings, folder, WantedBackup(record["backup"]), replace=True, report=report)
