"""A real service for the faults: `onemap up` in a home of its own, and the ways to break it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from benchmarks.broker import Broker
from benchmarks.faults.proxy import FEED, feed_file
from layers.cluster import running_url
from layers.cluster.place import find_place
from layers.database.connection import connect
from layers.database.faults import DATABASE_ERRORS
from server.installation import PROJECT

SECRET = "a secret of the service of faults"  # noqa: S105  # of a service that nobody else reaches
SECONDS_MAX = 120
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_WAL_SEGMENTS = 100
_WRITE_SEGMENT = "SELECT pg_logical_emit_message(true, 'ballast', repeat('x', 16777216))"
_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE '%LISTEN %'
"""


class FaultyService:
    """A running `onemap up`.

    Attributes
    ----------
    broker
        The broker of one of its feeds.
    output
        Everything it has written so far.
    """

    def __init__(self, home: Path, broker: Broker) -> None:
        self.home, self.broker = home, broker
        self.output = ""
        self._output_changed = threading.Condition()
        feeds = home.parent / "feeds"
        shutil.copytree(PROJECT / "config" / "feeds", feeds)
        (feeds / f"{FEED}.yaml").write_text(feed_file(broker), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEMAP_")}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "server.cli", "up", "--home", str(home), "--port", "0", "--no-demo"],
            env=environment
            | {"PYTHONPATH": str(PROJECT), "ONEMAP_SECRET_DEMO": SECRET, "ONEMAP_FEEDS_FOLDER": str(feeds)}
            | {"ONEMAP_LIMITS_ANONYMOUS_PER_S": "0", "ONEMAP_LIMITS_KNOWN_PER_S": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_output, name="hearing", daemon=True)
        self._reader.start()

    @property
    def port(self) -> int:
        """Its port, once it serves.

        Raises
        ------
        RuntimeError
            When it ends before it serves, or does not serve in time.
        """
        with self._output_changed:
            self._output_changed.wait_for(
                lambda: _ADDRESS.search(self.output) or self._process.poll() is not None, SECONDS_MAX
            )
        found = _ADDRESS.search(self.output)
        if found is None:
            raise RuntimeError(f"the service does not answer; its output: {self.output[-2000:]}")
        return int(found.group(1))

    @property
    def token(self) -> str:
        """The operator's token."""
        return (self.home / "operator-token").read_text(encoding="ascii").strip()

    @property
    def url(self) -> str:
        """The URL of its database, while that runs.

        Raises
        ------
        ConnectionError
            When it does not run now.
        """
        url = running_url(self.home)
        if url is None:
            raise ConnectionError("the database does not run now")
        return url

    def processes(self, program: str) -> list[int]:
        """Return its processes of a program, for example ``server.processes.worker``."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split() if program.encode() in _command(int(child))]

    def kill(self, program: str) -> None:
        """Kill one process of a program with SIGKILL; do nothing when none runs."""
        for process in self.processes(program)[:1]:
            os.kill(process, signal.SIGKILL)

    def kill_database(self) -> None:
        """Kill PostgreSQL with SIGKILL; do nothing when it does not run."""
        place = find_place(self.home)
        if place is None or running_url(self.home) is None:
            return
        os.kill(int((place.data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0]), signal.SIGKILL)

    def kill_broker(self) -> None:
        """Kill the broker, and start it again as its supervisor would."""
        self.broker.kill()
        self.broker.start()

    async def cut_listeners(self) -> None:
        """End every connection that listens."""
        connection = await connect(self.url, role=None)
        try:
            await connection.execute(_LISTENERS)
        finally:
            await connection.close()

    def fill_disk(self) -> None:
        """Fill the file system of the home, which must be one of its own."""
        with (self.home / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                return

    async def run_out_of_disk(self) -> None:
        """Write to the database until it has no room; its files allocated ahead would last for a while."""
        connection = await database(self)
        try:
            for _ in range(_WAL_SEGMENTS):
                await connection.execute(_WRITE_SEGMENT)
        except DATABASE_ERRORS:
            return
        finally:
            connection.terminate()

    def free_disk(self) -> None:
        """Free the disk again."""
        (self.home / "ballast").unlink(missing_ok=True)

    def end(self) -> None:
        """End the service with SIGINT, or with SIGKILL when it does not end in time."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(SECONDS_MAX)
        if self._process.stderr and not self._reader.is_alive():
            self._process.stderr.close()

    def _read_output(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  # for the type checker
        for line in self._process.stderr:
            with self._output_changed:
                self.output += line
                self._output_changed.notify_all()
        with self._output_changed:
            self._output_changed.notify_all()


@contextmanager
def running_service(folder: Path, *, disk_mib: int | None = None) -> Iterator[FaultyService]:
    """Run a service in a folder of its own, and delete the folder afterwards.

    Parameters
    ----------
    disk_mib
        Size of a small file system for the home, which needs root and the right to mount; None mounts nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # the database's account passes through
    mounted = disk_mib is not None and mount(folder, disk_mib)
    beside = folder.with_name(f"{folder.name}-broker")  # its disk is not the one that becomes full
    broker = Broker(beside, "autosave_on_changes true")
    broker.start()
    try:
        running = FaultyService(folder / "home", broker)
        try:
            assert running.port  # noqa: S101  # it serves
            yield running
        finally:
            running.end()
    finally:
        broker.stop()
        if mounted:
            subprocess.run(["umount", folder], check=False)
        for made in (folder, beside):
            shutil.rmtree(made, ignore_errors=True)


def mount(folder: Path, size_mib: int) -> bool:
    """Mount a small file system in memory on a folder; False where that is not allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=711", "tmpfs", folder], check=False, capture_output=True
    )
    return done.returncode == 0


async def database(running: FaultyService) -> asyncpg.Connection:
    """Connect to the service's database, waiting until it is back.

    Raises
    ------
    TimeoutError
        When it does not come back.
    """
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            return await connect(running.url, role=None)
        except Exception:  # noqa: BLE001  # whatever it is, it is not back yet
            time.sleep(0.1)  # noqa: ASYNC251  # nothing else goes on here
    raise TimeoutError("the database did not come back by itself")


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
