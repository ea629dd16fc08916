"""A drill: the newest backup is restored into a home of its own, compared, started, and removed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from layers.cluster import running_url, stop_cluster
from layers.cluster.archive import archived_segments
from layers.cluster.base_backup import RecoveryTarget, recover
from layers.cluster.place import find_place
from layers.errors import Unavailable
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import LogicalBackup, Manifest, Measured
from layers.recovery.measure import differences, last_change, measure, read_from
from layers.recovery.restored import LEAP, mark_restored
from server.installation import CODE
from server.recovery.backup import StepReport
from server.recovery.contents import RESTORED_CONFIG
from server.recovery.restore import WantedBackup, check, discard, fill, put_files
from server.running import running_address
from server.settings import environment_names

_HEALTHY_SECONDS_MAX = 300
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Drill:
    """The result of a drill.

    Attributes
    ----------
    faults
        What is not as it was at the moment of the backup, in words; empty when all is well.
    notes
        Differences that may be: on a database that never rests the moment is not exact.
    tables, rows, files
        What was compared.
    rto_s
        Seconds from the decision to the first answer of the map, without the comparison.
    rpo_s
        Age of the newest archived log: what was committed since then would be lost with the disk. For a dump its age.
    lost
        Changes that the running database has and the restored one has not; None when there is none to compare with.
    """

    manifest: Manifest
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    tables: int
    rows: int
    files: int
    rto_s: float
    rpo_s: float
    lost: int | None


def drill(
    folder: BackupFolder, *, backup_id: str | None, running: str | None, at: Path | None, report: StepReport
) -> Drill:
    """Restore the newest backup (or the one of an id) beside everything else, compare it, start it, remove it.

    Parameters
    ----------
    running
        URL of the database that runs now, to compare the newest changes with; None when there is none.
    at
        Folder for the restored home; by default the system's folder for temporary files.

    Raises
    ------
    OneMapError
        When it cannot be restored at all.
    """
    began = time.monotonic()
    wanted = WantedBackup(backup_id)
    manifest = wanted.choose(folder)
    report("核对备份 checking the backup", 0, 0)
    files = check(folder, manifest, wanted)
    with _temporary_home(at) as home:
        found, compared_s = _restore_and_measure(home, folder, manifest, report)
        count = put_files(home, folder, files)
        url = running_url(home) or ""
        restored_seq = asyncio.run(read_from(url, last_change))
        asyncio.run(mark_restored(url, manifest.id, None))
        stop_cluster(home)
        report("启动地图 starting the map", 0, 0)
        faults = _start_map(home)
        rto_s = time.monotonic() - began - compared_s
    newest_seq = asyncio.run(read_from(running, last_change)) if running else None
    lost = None if newest_seq is None else max(0, newest_seq - restored_seq) % LEAP  # a restore has leapt
    different = differences(manifest.measured, found)
    return Drill(
        manifest=manifest,
        faults=(*(different if manifest.measured.exact else ()), *faults),
        notes=() if manifest.measured.exact else tuple(different),
        tables=len(found.tables),
        rows=sum(table.rows for table in found.tables.values()),
        files=count,
        rto_s=rto_s,
        rpo_s=_age_s(folder, manifest),
        lost=lost,
    )


@contextmanager
def _temporary_home(at: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="onemap-drill-", dir=at))
    folder.chmod(0o711)  # the account of PostgreSQL passes through
    try:
        yield folder / "home"
    finally:
        discard(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)


def _restore_and_measure(
    home: Path, folder: BackupFolder, manifest: Manifest, report: StepReport
) -> tuple[Measured, float]:
    """Restore up to the moment of the backup, measure, go on to the end of the log; return the seconds of measuring."""
    logical = isinstance(manifest.database, LogicalBackup)
    point = None if isinstance(manifest.database, LogicalBackup) else manifest.database.restore_point
    url = fill(home, folder, manifest, RecoveryTarget(point=point, pause=not logical), report)
    report("比较 comparing", 0, 0)
    began = time.monotonic()
    found = asyncio.run(read_from(url, measure))
    compared_s = time.monotonic() - began
    place = find_place(home)
    if not logical and place is not None:
        report("其余日志 the rest of the log", 0, 0)
        recover(place, folder.wal, RecoveryTarget())
    return found, compared_s


def _age_s(folder: BackupFolder, manifest: Manifest) -> float:
    """Return the seconds since the newest committed change that is surely in the backup."""
    segments = [] if isinstance(manifest.database, LogicalBackup) else archived_segments(folder.wal)
    if not segments:
        return (datetime.now(UTC) - manifest.measured.at).total_seconds()
    return max(0.0, time.time() - (folder.wal / f"{segments[-1]}.gz").stat().st_mtime)


def _start_map(home: Path) -> list[str]:
    """Start the service on the restored home, with nothing that reaches outside; return what is wrong with it."""
    config = home / "drill.toml"
    layers = home / RESTORED_CONFIG / "config" / "layers"
    config.write_text(
        f"[feeds]\ningest = false\nfolder = '{home}/none'\n[rules]\nfolder = '{home}/none'\n"
        f"[outlets]\nfolder = '{home}/none'\n[layers]\nfolder = '{layers}'\n[demo]\nenabled = false\nlive = false\n",
        encoding="utf-8",
    )
    ours = {name: value for name, value in os.environ.items() if name not in environment_names()}
    command = [sys.executable, "-P", "-m", "server.cli", "up", "--port", "0", "--workers", "1", "--no-demo"]
    log = home / "drill.log"
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(  # noqa: S603  # our own program
            [*command, "--home", str(home), "--config", str(config)],
            env=ours | {"PYTHONPATH": str(CODE)},
            cwd="/",
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            health = _wait_for_health(home, process)
        finally:
            process.terminate()
    if health is None:
        return [f"the map does not start: {' | '.join(log.read_text(encoding='utf-8').splitlines()[-3:])}"]
    return [] if health.get("status") == "ok" else [f"the map is not well: {json.dumps(health)[:300]}"]


def _wait_for_health(home: Path, process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    deadline = time.monotonic() + _HEALTHY_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        try:
            address = running_address(home)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{address}/health", timeout=10) as response:
                health: dict[str, Any] = json.load(response)
                return health
        except (Unavailable, OSError):
            time.sleep(_LOOK_SECONDS)
    return None
