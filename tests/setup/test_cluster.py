"""Tests of the private cluster, on real servers."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from layers.cluster import PrivateCluster, borrowed_cluster, running_url, stop_cluster, supervisor_of
from layers.cluster import place as cluster_place
from layers.cluster.place import find_place
from layers.database.faults import DATABASE_ERRORS
from layers.errors import Conflict, Unavailable
from tests.databases import count_rows
from tests.folders import new_database_folder

pytestmark = pytest.mark.anyio


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: the postgres account cannot enter pytest's folder.
    folder = new_database_folder()
    yield folder / "home"
    if running_url(folder / "home"):
        stop_cluster(folder / "home")
    shutil.rmtree(folder)


@contextmanager
def in_another_process(code: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `code` in a child process; yield when it prints that it is ready, and kill it at the end."""
    text = f"from layers.cluster import *\nfrom pathlib import Path\nimport signal\nhome = Path({str(home)!r})\n{code}"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == "ready"
            yield child
        finally:
            child.kill()


START = "cluster = PrivateCluster(home, durable=False); cluster.start(); print('ready', flush=True); signal.pause()"


def postmaster(home: Path) -> int:
    place = find_place(home)
    assert place is not None
    return int((place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


async def test_it_has_postgis_no_port_and_a_closed_socket(home: Path):
    with PrivateCluster(home, durable=False) as url:
        connection = await asyncpg.connect(url)
        assert (await connection.fetchval("SELECT postgis_lib_version()")) >= "3.3"
        assert await connection.fetchval("SHOW listen_addresses") == ""
        assert await connection.fetchval("SHOW jit") == "off"
        await connection.close()
        place = find_place(home)
        assert place is not None
        assert place.socket_dir.stat().st_mode & 0o777 == 0o700
        assert place.socket_dir.stat().st_uid == place.account.uid
    assert running_url(home) is None


async def test_a_durable_cluster_keeps_committed_rows_when_everything_is_killed(home: Path):
    with in_another_process(START.replace(", durable=False", ""), home):
        url = running_url(home)
        assert url is not None
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)")
    os.kill(postmaster(home), signal.SIGKILL)
    with pytest.raises(DATABASE_ERRORS):
        await connection.fetchval("SELECT pg_sleep(60)")
    with PrivateCluster(home) as again:
        connection = await asyncpg.connect(again)
        assert await count_rows(connection, "kept") == 1000
        await connection.close()


async def test_a_server_left_running_by_a_killed_supervisor_is_adopted(home: Path):
    with in_another_process(START, home) as child:
        before = postmaster(home)
        assert supervisor_of(home) == child.pid
    assert supervisor_of(home) is None
    with PrivateCluster(home, durable=False):
        assert postmaster(home) == before


def test_a_second_opener_is_refused_and_disturbs_nothing(home: Path):
    with in_another_process(START, home) as child:
        second = PrivateCluster(home)
        with pytest.raises(Conflict, match=rf"in use by process {child.pid}; stop it with"):
            second.start()
        second.stop()
        with pytest.raises(Conflict):
            stop_cluster(home)
        assert second.is_running()


def test_a_pid_file_whose_number_belongs_to_another_program_is_cleared(home: Path):
    with PrivateCluster(home, durable=False):
        place = find_place(home)
        assert place is not None
        pid_file = (place.data / "postmaster.pid").read_text(encoding="utf-8")
    stranger = subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, cwd="/", user=None if place.account.is_us else place.account.uid
    )
    (place.data / "postmaster.pid").write_text(f"{stranger.pid}\n" + pid_file.split("\n", 1)[1], encoding="utf-8")
    assert running_url(home) is None
    with PrivateCluster(home, durable=False):
        assert running_url(home)
    assert stranger.poll() is None, "the stranger must live"
    stranger.communicate()


async def test_borrowers_share_one_server_and_the_last_stops_it(home: Path):
    with borrowed_cluster(home) as first:
        with borrowed_cluster(home) as second:
            assert first == second
        assert running_url(home), "the first still needs it"
    assert running_url(home) is None


def test_a_borrower_beside_up_leaves_it_running(home: Path):
    with in_another_process(START, home):
        with borrowed_cluster(home):
            pass
        assert running_url(home)


async def test_a_deep_home_gets_a_short_socket(home: Path):
    deep = home / ("d" * 60) / ("e" * 60)
    with PrivateCluster(deep, durable=False) as url:
        connection = await asyncpg.connect(url)
        await connection.close()
        place = find_place(deep)
        assert place is not None
        assert not place.socket_dir.is_relative_to(deep)
        assert place.socket_dir.stat().st_mode & 0o777 == 0o700
    assert not place.socket_dir.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends its cluster to another account")
def test_a_home_the_account_cannot_enter_keeps_its_data_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_place, "FALLBACK", home.parent / "elsewhere")
    closed = home / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0o700)
    for _ in range(2):  # the second start finds the same folder
        with PrivateCluster(closed / "home", durable=False):
            place = find_place(closed / "home")
    assert place is not None
    assert [place.folder] == list((home.parent / "elsewhere").iterdir())
    assert (place.folder / "home").read_text(encoding="utf-8").strip() == str(closed / "home")


def test_data_of_another_version_are_left_alone(home: Path):
    with PrivateCluster(home, durable=False):
        place = find_place(home)
    assert place is not None
    (place.data / "PG_VERSION").write_text("11\n", encoding="utf-8")
    with pytest.raises(Unavailable, match=r"written by PostgreSQL 11, installed is .*postgresql-11-postgis-3"):
        PrivateCluster(home).start()
    assert supervisor_of(home) is None, "a failed start gives the home back"


def test_a_half_made_cluster_is_made_again(home: Path):
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    with PrivateCluster(home, durable=False):
        assert running_url(home)


def test_the_log_is_quoted_when_the_server_does_not_start(home: Path):
    with PrivateCluster(home, durable=False):
        place = find_place(home)
    assert place is not None
    custom = place.data / "custom.conf"
    custom.write_text("shared_buffers = 'many'\n", encoding="utf-8")
    custom.chmod(0o644)
    with pytest.raises(Unavailable, match="shared_buffers"):
        PrivateCluster(home).start()
    custom.chmod(0o600)  # root's; the server has another account
    if place.account.uid != os.getuid():
        with pytest.raises(Unavailable, match=r"could not open .*custom\.conf"):
            PrivateCluster(home).start()


async def test_a_server_that_is_killed_is_started_again(home: Path):
    cluster = PrivateCluster(home, durable=False)
    url = cluster.start()
    printed: list[str] = []
    keeping = asyncio.create_task(cluster.keep(printed.append))
    try:
        for _ in range(2):
            before = postmaster(home)
            os.kill(before, signal.SIGKILL)
            connection = await again(url, before, home)
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        cluster.stop()
    assert running_url(home) is None, "nobody starts it once it is to be stopped"
    assert len(printed) >= 2


async def again(url: str, before: int, home: Path) -> asyncpg.Connection:
    """Connect to the server that replaces the one with this process id."""
    async with asyncio.timeout(240):
        while True:
            try:
                connection = await asyncpg.connect(url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)
                continue
            if postmaster(home) != before:
                return connection
            await connection.close()
