"""Tests of `onemap up` as a process: its children, its faults, its end."""

from __future__ import annotations

import asyncio
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from layers.cluster import PrivateCluster, running_url, stop_cluster, supervisor_of
from server.database import prepare
from server.installation import PROJECT
from server.processes.own_health import read_health
from server.settings import load_settings
from tests.command import run_command
from tests.databases import run_async
from tests.folders import new_database_folder

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
DEADLINE_S = 240
ONE_WORKER = ("--workers", "1")  # where the number does not matter: a worker takes seconds to start


class Up:
    """A running `onemap up`, with its address and its output so far."""

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*_CLI, "up", "--home", str(home), "--port", "0", "--no-demo", *options],
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.output = ""

    @property
    def address(self) -> str:
        return self.hear(ADDRESS).group()

    def hear(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Read the output until the pattern matches."""
        assert self.process.stderr is not None
        while not (match := pattern.search(self.output)):
            line = self.process.stderr.readline()
            assert line, f"it ended before {pattern.pattern!r}: {self.said}"
            self.output += line
        return match

    def health(self) -> dict[str, Any]:
        return read_health(self.address, load_settings(home=self.home))

    def workers(self) -> list[int]:
        return self.children("server.processes.worker")

    def ingest(self) -> list[int]:
        return self.children("server.processes.ingest")

    def children(self, module: str) -> list[int]:
        """Return the processes that run a module, of those that `up` started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split() if module in _command(child)]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.output += self.process.stderr.read()
        return self.process.wait(DEADLINE_S)


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return ""


_CLI = [sys.executable, "-P", "-m", "server.cli"]


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], DEADLINE_S)
        assert ended, f"process {pid} lives on"
    finally:
        os.close(descriptor)


def wait_until(so: Callable[[], Any]) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not so():
        assert time.monotonic() < deadline, "it did not become so"
        select.select([], [], [], 0.05)


@contextmanager
def home_folder() -> Iterator[Path]:
    """A home that is not there yet; what is left of it is ended and removed."""
    folder = new_database_folder()
    home = folder / "home"
    yield home
    if running_url(home):
        stop_cluster(home)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def prepared_database() -> Iterator[Path]:
    """The folder of a cluster that was made, migrated and stopped: what the first `up` on a home makes."""
    with home_folder() as home:
        with PrivateCluster(home) as url:
            run_async(prepare(url))
        yield home / "postgres"


@contextmanager
def starting(prepared: Path) -> Iterator[Any]:
    """Start `up` on a home of the test, with a copy of the prepared database unless it must begin from nothing."""
    with home_folder() as home, ExitStack() as processes:

        def start(*options: str, from_nothing: bool = False, **environment: str) -> Up:
            if not from_nothing and not home.exists() and "ONEMAP_DATABASE_URL" not in environment:
                home.mkdir(mode=0o711)
                subprocess.run(["cp", "-a", "--reflink=auto", prepared, home], check=True)
            up = Up(home, *options, **environment)
            processes.enter_context(up.process)
            processes.callback(up.process.kill)
            assert up.address
            return up

        start.home = home  # type: ignore[attr-defined]  # for files that must exist before
        yield start


@pytest.fixture
def running(prepared_database: Path) -> Iterator[Any]:
    """Start `up` on a home of the test; end it and its left-over processes afterwards."""
    with starting(prepared_database) as start:
        yield start


@pytest.fixture(scope="module")
def standing(prepared_database: Path) -> Iterator[Up]:
    """A running `up` for tests that change nothing."""
    with starting(prepared_database) as start:
        up = start(*ONE_WORKER, ONEMAP_FEEDS_INGEST="false")
        yield up
        up.end(signal.SIGTERM)


def test_it_serves_one_signal_ends_everything_and_the_token_is_shown_once(running: Any):
    token = ""
    for number, from_nothing in ((signal.SIGINT, True), (signal.SIGTERM, False)):
        up = running(from_nothing=from_nothing)
        assert up.health()["status"] == "ok"
        token = token or (up.home / "operator-token").read_text(encoding="ascii").strip()
        if from_nothing:
            up.hear(re.compile(re.escape(token)))
        assert (up.home / "operator-token").stat().st_mode & 0o777 == 0o600
        workers = up.workers()
        assert len(workers) == 2
        wait_until(up.ingest)
        workers += up.ingest()
        assert up.end(number) == 0
        for worker in workers:
            wait_for_end(worker)
        assert running_url(up.home) is None
        assert "Traceback" not in up.output
        assert (token in up.output) == from_nothing
    assert (up.home / "operator-token").read_text(encoding="ascii").strip() == token


def test_whatever_is_killed_is_replaced_and_the_map_is_served_meanwhile(running: Any):
    up = running()
    before = up.workers()
    os.kill(before[0], signal.SIGKILL)
    up.hear(re.compile("starting another"))
    assert up.health()["status"] == "ok", "the other one answers"
    os.kill(before[1], signal.SIGKILL)
    with urllib.request.urlopen(f"{up.address}/health", timeout=DEADLINE_S) as answer:
        assert answer.status == 200, "the connection waits for the new ones"
    assert not set(up.workers()) & set(before)

    wait_until(lambda: up.health()["ingest"])
    (ingest,) = up.ingest()
    os.kill(ingest, signal.SIGKILL)
    assert up.health()["status"] == "ok"
    up.hear(re.compile("the ingest process ended"))
    wait_until(lambda: up.ingest() not in ([], [ingest]))
    wait_until(lambda: up.health()["ingest"])

    children = up.workers() + up.ingest()
    up.end(signal.SIGKILL)
    for child in children:
        wait_for_end(child)
    assert running_url(up.home), "the database goes on"
    second = running(*ONE_WORKER)
    assert second.health()["status"] == "ok"
    stopped = run_command("stop", "--home", str(up.home))  # as from another terminal
    assert stopped.returncode == 0
    assert "stopped" in stopped.stderr
    assert second.process.wait(DEADLINE_S) == 0
    assert running_url(up.home) is None


def test_a_second_up_on_the_same_home_says_where_the_first_runs(standing: Up):
    up = standing
    command = [*_CLI, "up", "--home", str(up.home), "--port", "0"]
    result = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0
    words = result.stderr.replace("\n", " ")
    assert "it already runs" in words
    assert str(up.process.pid) in words
    assert "stopped" not in words
    assert up.health()["status"] == "ok"
    assert supervisor_of(up.home) == up.process.pid


def test_a_taken_port_is_told_before_anything_is_started(standing: Up):
    up = standing
    port = up.address.rpartition(":")[2]
    other = up.home.parent / "other"
    result = subprocess.run(
        [*_CLI, "up", "--home", str(other), "--port", port],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert not other.exists()


def test_a_home_that_was_open_is_closed_and_a_database_of_yours_is_used(
    running: Any, database_url: str, tmp_path: Path
):
    home = running.home
    for name in ("tiles/a9/513f", "rasters/dem.tif", "drops/rain/done/one.csv", "address", "mine/notes"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("open", encoding="utf-8")
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (home / "basemaps").symlink_to(tmp_path)
    tmp_path.chmod(0o755)
    (home / "drops" / "rain").chmod(0o775)  # a sender of the group may put files there
    up = running(*ONE_WORKER, ONEMAP_DATABASE_URL=database_url)
    assert "grids" in up.health()["layers"]
    assert not (up.home / "postgres").exists()
    wait_until(up.ingest)
    ours = [p for p in home.rglob("*") if not {"mine", "basemaps"} & set(p.relative_to(home).parts)]
    modes = {str(path.relative_to(home)): path.stat().st_mode & 0o777 for path in ours}
    gates = {"drops": 0o711, "drops/rain": 0o770}
    assert {name: modes[name] for name in gates} == gates
    inside = {n: mode for n, mode in modes.items() if n not in gates and not n.startswith("drops/rain/")}
    assert {name: oct(mode) for name, mode in inside.items() if mode & 0o077} == {}
    assert (home / "mine" / "notes").stat().st_mode & 0o777 == 0o644, "what is not ours stays as it is"
    assert tmp_path.stat().st_mode & 0o777 == 0o755, "links are not followed"


async def _ask(url: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements]
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["postgres", "onemap_owner"])
def test_web_workers_log_in_as_somebody_who_can_become_nobody_of_power(standing: Up, role: str):
    up = standing
    assert up.health()["status"] == "ok"  # the workers are up and connected
    url = running_url(up.home)
    assert url is not None
    logins = "SELECT array_agg(DISTINCT usename::text) FROM pg_stat_activity WHERE application_name LIKE 'onemap %'"
    assert asyncio.run(_ask(url, logins)) == [["onemap_web"]]
    web = url.replace("postgres@", "onemap_web@")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(_ask(web, "SET ROLE onemap_read", f"SELECT set_config('role', '{role}', false)"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(_ask(web, "SET ROLE onemap_read", f"SET SESSION AUTHORIZATION {role}"))
    assert asyncio.run(_ask(web, "SET ROLE onemap_read", "SELECT count(*) >= 0 FROM onemap.layer"))[1]
