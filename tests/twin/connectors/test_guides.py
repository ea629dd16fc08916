"""What the guides print is run as it is printed, with only the addresses changed to those of the test."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys

import anyio
import pytest
import yaml

from server.installation import PROJECT
from tests.databases import count_rows
from tests.twin.connectors.house import PROCESS_SECONDS, House
from tests.twin.waiting import until
from twin.connectors import drop, terminal
from twin.connectors.protocols import parse_feed, read_feed

pytestmark = pytest.mark.anyio
GUIDE = PROJECT / "docs" / "guide"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (GUIDE / page).read_text(encoding="utf-8"), flags=re.DOTALL)


class Desk:
    """The folder a reader works in."""

    def __init__(self, house, folder, url) -> None:
        self.folder = folder
        (folder / "config").mkdir(parents=True)
        (folder / "config" / "feeds").symlink_to(house.folder)
        (folder / ".onemap").symlink_to(house.home)
        script = f"#!/bin/sh\nexec '{sys.executable}' -m server.cli \"$@\"\n"
        (folder / "onemap").write_text(script)
        (folder / "onemap").chmod(0o755)
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "ONEMAP_HOME": str(house.home),
            "ONEMAP_FEEDS_FOLDER": str(house.folder),
            "ONEMAP_DATABASE_URL": url,
        }

    async def runs(self, *command, **changed):
        """Run what a block says, and return what it printed."""
        text = command[-1]
        for printed, ours in changed.items():
            text = text.replace(PRINTED[printed], str(ours))
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(
                [*command[:-1], text],
                cwd=self.folder,
                env=self._environment,
                timeout=PROCESS_SECONDS,
                check=False,
                capture_output=True,
                text=True,
            )
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout


PRINTED = {"address": "http://127.0.0.1:8000", "port": "6808", "replay": "./onemap replay"}
SHELL, PYTHON = ("bash", "-e", "-c"), (sys.executable, "-c")


@pytest.fixture
async def desk(house, tmp_path, empty_url):
    return Desk(house, tmp_path / "desk", empty_url)


async def test_files(desk, house, owner):
    feed, *others = blocks("feeds-files.md", "sh")
    await desk.runs(*SHELL, feed)
    definition = read_feed(house.folder / "rain_files.yaml")
    await until(lambda: house.parts.intake.registry.by_name.get("rain_files") == definition)
    async with house.connected(drop.DropFeed.run, definition):
        for block in others:
            await desk.runs(*SHELL, block)
        await until((house.home / "drops" / "rain_files" / "done" / "rain_0955.csv").exists)
    assert await owner.fetchval("SELECT array_agg(value ORDER BY value) FROM twin.observation") == [1.5, 2.5]
    (whole,) = blocks("feeds-files.md", "yaml")
    given = yaml.safe_load((house.folder / "rain_files.yaml").read_text(encoding="utf-8"))
    changed = {**yaml.safe_load(whole), "kinds": ["feature_change"], "supplies": ["video_points"]}
    assert parse_feed({**given, **changed}).connection.whole


async def test_terminals(desk, house, owner):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await owner.execute("INSERT INTO layer.vehicles (id, sim_no) VALUES ('V1', '10000000001')")
    shipped = yaml.safe_load((PROJECT / "config" / "feeds" / "vehicles_jt808.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(blocks("feeds-terminals.md", "yaml")[0]) == {"connection": shipped["connection"]}
    await desk.runs(*SHELL, blocks("feeds-terminals.md", "sh")[0])
    assert (house.home / "secrets" / "vehicles_jt808").stat().st_size > 16
    definition = await house.feed(shipped, enabled=True, connection={"port": port})
    (example,) = blocks("feeds-terminals.md", "python")
    async with house.connected(terminal.TerminalFeed.run, definition):
        await until(lambda: _listens(port))
        assert await desk.runs(*PYTHON, example, port=port) == "taken\n"
    assert await owner.fetchval("SELECT id FROM twin.position_now") == "V1"


def _listens(port):
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def test_pulling():
    shipped = yaml.safe_load((PROJECT / "config" / "feeds" / "grid_cases.yaml").read_text(encoding="utf-8"))
    (printed,) = blocks("feeds-pull.md", "yaml")
    assert parse_feed({**shipped, **yaml.safe_load(printed)}).connection.since_as == "epoch_ms"


@pytest.fixture
def address(empty_url, live_server, tmp_path):
    """The service with the feed `demo` and its secret, and the desk beside it."""
    house = House(empty_url, tmp_path)
    shutil.copy(PROJECT / "config" / "feeds" / "demo.yaml", house.folder)
    (house.home / "secrets").mkdir()
    secret = house.home / "secrets" / "demo"
    secret.write_text("a secret of sixteen bytes and more")
    secret.chmod(0o600)
    return live_server(empty_url, home=house.home, feeds={"folder": house.folder})


async def test_streaming(address, empty_url, tmp_path, owner):
    desk = Desk(House(empty_url, tmp_path), tmp_path / "desk", empty_url)
    (example,) = blocks("feeds-lines.md", "python")
    assert await desk.runs(*PYTHON, example, address=address) == "10000\n"
    assert await count_rows(owner, "twin.position") == 10_000


async def test_replaying(address, empty_url, tmp_path, owner):
    desk = Desk(House(empty_url, tmp_path), tmp_path / "desk", empty_url)
    (example,) = blocks("replay.md", "sh")
    said = await desk.runs(*SHELL, example, replay=f"./onemap replay --url {address}")
    assert "30 accepted" in said
    assert await count_rows(owner, "twin.position WHERE id = '440106V00000'") == 30
    (feed,) = blocks("replay.md", "yaml")
    assert parse_feed(yaml.safe_load(feed)).connection.speed == 60
