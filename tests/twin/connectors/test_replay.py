"""Recordings played: by the connector in the ingest process, and by ``onemap replay`` through the public door."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from click.testing import CliRunner

from server import cli
from server.installation import PROJECT
from tests.databases import count_rows
from tests.twin.connectors.house import CARS, PROCESS_SECONDS, House, position
from tests.twin.waiting import DEADLINE_S, until
from twin.connectors import replay

pytestmark = pytest.mark.anyio
FIRST = datetime(2026, 6, 8, 1, 58, tzinfo=UTC)
RECORDED = {**CARS, "name": "recorded", "protocol": "replay", "connection": {"pattern": "*.ndjson", "speed": 1000}}


def recording(path, count, apart_s=1.0):
    times = (FIRST + timedelta(seconds=apart_s * n) for n in range(count))
    lines = (orjson.dumps(position(n, f"vehicles/v{n % 7}", at.isoformat())) for n, at in enumerate(times))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


async def count(owner):
    return await count_rows(owner, "twin.position")


async def at_least(owner, least):
    return await count(owner) >= least


async def test_a_recording_is_played_now_and_once(house, owner):
    began = datetime.now(UTC)
    recording(house.home / "recordings" / "a.ndjson", 300)
    definition = await house.feed(RECORDED)

    async def played():
        return await owner.fetchval(
            "SELECT state #>> '{played,a.ndjson}' FROM twin.cursor WHERE name = 'replay:recorded'"
        )

    async with house.connected(replay.ReplayFeed.run, definition):
        await until(played)
    async with house.connected(replay.ReplayFeed.run, definition):
        recording(house.home / "recordings" / "b.ndjson", 50)
        await until(lambda: at_least(owner, 350))
    assert await count(owner) == 350
    assert await owner.fetchval("SELECT min(phenomenon_time) FROM twin.position") >= began


async def test_a_process_killed_while_it_plays_plays_each_event_once(empty_url, tmp_path, owner):
    house = House(empty_url, tmp_path)
    house.write(RECORDED)
    recording(house.home / "recordings" / "a.ndjson", 4000)
    with house.process() as process:
        await until(lambda: at_least(owner, 500), seconds=PROCESS_SECONDS)
        process.kill()
        process.wait()
    left = await count(owner)
    assert 500 <= left < 4000
    with house.process():
        await until(lambda: _played(owner), seconds=PROCESS_SECONDS)
    assert await count(owner) == 4000


async def _played(owner):
    return await owner.fetchval("SELECT state -> 'played' ? 'a.ndjson' FROM twin.cursor WHERE name = 'replay:recorded'")


class Player:
    """``onemap replay`` against a running service, in this process or in one of its own."""

    def __init__(self, house, address) -> None:
        self._options = ["--url", address, "--home", str(house.home)]
        self.environment = {"ONEMAP_FEEDS_FOLDER": str(house.folder)}

    def start(self, file, *options):
        return subprocess.Popen(
            [sys.executable, "-m", "server.cli", "replay", file, *self._options, *options],
            cwd=PROJECT,
            env={**os.environ, **self.environment, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def play(self, file, *options):
        said = CliRunner().invoke(cli.command(), ["replay", str(file), *self._options, *options], env=self.environment)
        return said.exit_code, f"{said.output}{said.exception}"


@pytest.fixture
def player(empty_url, live_server, tmp_path):
    """The feed is pushed over HTTP and signed."""
    house = House(empty_url, tmp_path)
    house.write(CARS, protocol="http", secret="cars")
    secret = house.home / "secrets" / "cars"
    secret.parent.mkdir()
    secret.write_text("a secret of sixteen bytes and more")
    secret.chmod(0o600)
    return Player(house, live_server(empty_url, home=house.home, feeds={"folder": house.folder}))


async def test_the_command_plays_a_recording_through_the_public_door(player, tmp_path, owner):
    began = datetime.now(UTC)
    file = recording(tmp_path / "rec.ndjson", 60)
    code, said = player.play(file, "--speed", "100")
    assert (code, await count(owner)) == (0, 60), said
    assert "60 accepted" in said
    assert await owner.fetchval("SELECT min(phenomenon_time) FROM twin.position") >= began
    code, said = player.play(file, "--speed", "1000")
    assert "60 accepted" in said, "another playing has identities of its own"


async def test_kept_times_count_once(player, tmp_path, owner):
    file = recording(tmp_path / "rec.ndjson", 20)
    for expected in ("20 accepted, 0 duplicate", "0 accepted, 20 duplicate"):
        code, said = player.play(file, "--keep-times", "--speed", "1000", "--feed", "cars")
        assert (code, expected in said) == (0, True), said
    assert await owner.fetchval("SELECT min(phenomenon_time) FROM twin.position") == FIRST


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_a_playing_that_was_stopped_is_gone_on_with(player, tmp_path, owner, number):
    file = recording(tmp_path / "rec.ndjson", 400)
    process = player.start(file, "--speed", "20")
    await until(lambda: at_least(owner, 30), seconds=PROCESS_SECONDS)
    process.send_signal(number)
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert ("--resume" in said) == (number == signal.SIGINT)
    assert await count(owner) < 400
    code, said = player.play(file, "--speed", "1000", "--resume")
    assert (code, await count(owner)) == (0, 400), said
    code, said = player.play(file, "--resume")
    assert code == 1
    assert "without --resume" in said


async def test_what_is_refused_is_told_and_the_rest_is_played(player, tmp_path, owner):
    file = recording(tmp_path / "rec.ndjson", 3)
    later = (FIRST + timedelta(seconds=1000 + n) for n in range(2))
    bad = [position(7, time=moment.isoformat(), data={}) for moment in later]
    file.write_bytes(file.read_bytes() + b"".join(orjson.dumps(one) + b"\n" for one in bad))
    code, said = player.play(file, "--speed", "1000")
    assert (code, await count(owner)) == (1, 3), said
    assert "2 rejected" in said
    assert await count_rows(owner, "twin.refused") == 2
