"""A district whose disk dies under load: what is lost (RPO), and how long until the map answers again (RTO).

Run it with `./onemap bench recovery`. Everything is killed at once and the home deleted, while a feed writes; then the
newest state is restored and the map started. A sender knows which of its events were acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import orjson

from benchmarks.machine import describe_machine, new_home
from benchmarks.results import Figure, at_most, benchmark_parser, report
from layers.cluster import borrowed_cluster
from layers.cluster.archive import archived_segments
from layers.cluster.place import find_place
from layers.cluster.server import postmaster
from layers.errors import Unavailable
from layers.recovery.folder import BackupFolder
from server.feeds.key import ensure_feed_key
from server.installation import PROJECT
from server.recovery.restore import WantedBackup, restore
from server.running import running_address
from server.settings import environment_names, load_settings
from twin.feeds.signature import sign

_RPO_S_MAX, _RTO_S_MAX = 15 * 60, 2 * 3600
_START_SECONDS_MAX = 1800
_LOOK_SECONDS = 0.2
_EVENTS_MIN = 20


@dataclass(frozen=True, slots=True)
class DiskLoss:
    """What a dead disk cost.

    Attributes
    ----------
    acknowledged, lost
        Events, in the order of their acknowledgement.
    window_s
        From the acknowledgement of the first lost event to the death; 0 when none is lost.
    rto_s
        From the decision to restore to the first answer of the map.
    backup_s
        Seconds of the backup while everything runs.
    backup_bytes, database_bytes
        Sizes of the base backup and of the database.
    """

    acknowledged: tuple[str, ...]
    lost: tuple[str, ...]
    window_s: float
    rto_s: float
    backup_s: float
    backup_bytes: int
    database_bytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = benchmark_parser("recovery", __doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo (1)")
    parser.add_argument("--archive-timeout", type=int, default=60, metavar="S", help="of the log (60; shipped: 300)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    options = parser.parse_args(arguments)
    found = measure(options.home.absolute() / "recovery", options.scale, options.archive_timeout)
    sizes = f"database {found.database_bytes / 1e6:,.0f} MB, base backup {found.backup_bytes / 1e6:,.0f} MB"
    counts = f"events: {len(found.acknowledged):,} acknowledged, {len(found.lost):,} lost with the disk"
    rows: list[Figure] = [
        at_most("RPO: oldest lost event before the death", "s", found.window_s, _RPO_S_MAX),
        at_most("RTO: restore and start of the map", "s", found.rto_s, _RTO_S_MAX),
        at_most("backup under load", "s", found.backup_s, None),
    ]
    return report(rows, [describe_machine(), sizes, counts], options)


def measure(folder: Path, scale: float | None, timeout_s: int) -> DiskLoss:
    """Run a district in a new folder, kill it, restore it.

    Parameters
    ----------
    scale
        Of the demo; None for a district without rows.
    timeout_s
        The setting `backup.archive_timeout_s`.
    """
    new_home(folder)
    home, backup = folder / "home", BackupFolder(folder / "backup")
    with _service(home, backup.path, scale, timeout_s) as service:
        _wait(lambda: backup.path.exists() and (backup.path / "onemap-backups.json").exists() and backup.ids(), service)
        manifest = backup.read()
        sender = _Sender(running_address(home), ensure_feed_key("demo", home))
        begun = len(archived_segments(backup.wal))
        _wait(
            lambda: len(archived_segments(backup.wal)) >= begun + 2 and len(sender.acknowledged) > _EVENTS_MIN, service
        )
        _kill(service.pid, home)
    died = time.time()
    sender.end()
    place = find_place(home)
    shutil.rmtree(home)
    if place is not None and not place.folder.is_relative_to(home):
        shutil.rmtree(place.folder)
    began = time.monotonic()
    restore(load_settings(home=home), backup, WantedBackup())
    with borrowed_cluster(home) as url:
        kept = asyncio.run(_event_ids(url))
    with _service(home, None, None, timeout_s):
        rto_s = time.monotonic() - began
    lost = [name for name in sender.acknowledged if name not in kept]
    return DiskLoss(
        acknowledged=tuple(sender.acknowledged),
        lost=tuple(lost),
        window_s=died - sender.acknowledged[lost[0]] if lost else 0.0,
        rto_s=rto_s,
        backup_s=(manifest.ended_at - manifest.began_at).total_seconds(),
        backup_bytes=sum(part.bytes for part in manifest.parts),
        database_bytes=manifest.database_bytes,
    )


class _Sender:
    """Sends events one after the other, and records each acknowledged one with the time of its acknowledgement."""

    def __init__(self, address: str, key: bytes) -> None:
        self.acknowledged: dict[str, float] = {}
        self._address, self._key, self._over = address, key, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60, trust_env=False) as client:
            while not self._over.is_set():
                name = f"recovery-{len(self.acknowledged)}"
                body = orjson.dumps([_event(name)])
                signed = sign(self._key, "demo", body, now=datetime.now(UTC), nonce=secrets.token_hex(16))
                headers = {"content-type": "application/cloudevents-batch+json", **signed}
                try:
                    response = client.post("/feeds/demo", content=body, headers=headers)
                except httpx.HTTPError:
                    return  # the disk has died
                if response.status_code == 200 and response.json()["accepted"] == 1:
                    self.acknowledged[name] = time.time()
                else:
                    self._over.wait(_LOOK_SECONDS)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def _event(name: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": name,
        "version": 1,
        "source": "/feeds/demo",
        "type": "cn.gov.district.event.updated",
        "subject": f"events/{name}",
        "time": datetime.now(UTC).isoformat(),
        "data": {"source": "grid_case", "stage": "collect", "title": "占道经营"},
    }


@contextmanager
def _service(home: Path, backup: Path | None, scale: float | None, timeout_s: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `onemap up` for the block; wait until the map answers."""
    ours = {name: value for name, value in os.environ.items() if name not in environment_names()}
    ours |= {"PYTHONPATH": str(PROJECT), "ONEMAP_BACKUP_ARCHIVE_TIMEOUT_S": str(timeout_s)}
    if backup is not None:
        ours["ONEMAP_BACKUP_FOLDER"] = str(backup)
    demo = ["--no-demo"] if scale is None else ["--demo-scale", str(scale)]
    command = [sys.executable, "-P", "-m", "server.cli", "up", "--port", "0", "--home", str(home), *demo]
    with (home.parent / "up.log").open("ab") as log, subprocess.Popen(command, env=ours, stderr=log) as process:
        try:
            _wait(lambda: _answers(home), process)
            yield process
        finally:
            process.terminate()


def _answers(home: Path) -> bool:
    try:
        return httpx.get(f"{running_address(home)}/health", trust_env=False).status_code == 200
    except (Unavailable, OSError, httpx.HTTPError):
        return False


def _wait(so: Callable[[], object], service: subprocess.Popen[bytes]) -> None:
    """Wait until a condition holds.

    Raises
    ------
    RuntimeError
        When the service ends before, or it takes too long.
    """
    deadline = time.monotonic() + _START_SECONDS_MAX
    while not so():
        if service.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the service ended, or did not get so far in time; see up.log")
        time.sleep(_LOOK_SECONDS)


def _kill(supervisor: int, home: Path) -> None:
    """Kill every process of an installation at once, and wait for their end."""
    place = find_place(home)
    server = postmaster(place) if place else None
    processes = [supervisor, *_descendants(supervisor), *([server, *_descendants(server)] if server else [])]
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    while any(_works_in(process) for process in processes[1:]):
        time.sleep(_LOOK_SECONDS)


def _works_in(process: int) -> bool:
    """Whether a process still has files open; one that is dead and not yet reaped has none."""
    try:
        return bool(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208  # only counted
    except OSError:
        return False


def _descendants(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    children = [int(word) for word in text.split()]
    return [*children, *(one for child in children for one in _descendants(child))]


async def _event_ids(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row["id"] for row in await connection.fetch("SELECT id FROM layer.events")}
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
