"""The guide to feeds works as printed: the shell blocks of every section run against a real service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import httpx
import pytest

from benchmarks.broker import Broker
from layers.cluster import home_lock
from server.feeds.key import ensure_feed_key
from server.installation import PROJECT
from server.running import note_address
from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from tests.twin.ingest_process import Ingest

GUIDE = (PROJECT / "docs" / "guide" / "feeds.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", GUIDE, flags=re.MULTILINE)[1:]}
DEADLINE_S = 240
_WRITTEN = re.compile(r"^cat > (\S+) <<'(\w+)'\n(.*?)^\2\n", re.MULTILINE | re.DOTALL)


_TOKEN = "of the operator of the guide"
_OPERATOR = {"Authorization": f"Bearer {_TOKEN}"}  # strangers are told no numbers


def blocks(section):
    """Return the shell blocks of a section, without endless ones."""
    found = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return [block for block in found if "curl -N" not in block]


class Here:
    """A folder for the commands of the guide: with feeds, a home folder, a running service and a broker."""

    def __init__(self, folder, address, broker, url) -> None:
        self.folder, self.address, self.broker = folder, address, broker
        self.environment = os.environ | {
            "PYTHONPATH": str(PROJECT),
            "ONEMAP_HOME": str(folder / ".onemap"),
            "ONEMAP_FEEDS_FOLDER": str(folder / "config" / "feeds"),
            "ONEMAP_DATABASE_URL": url,
        }

    def own(self, text):
        """Replace the printed addresses with ours."""
        return text.replace("http://127.0.0.1:8000", self.address).replace("mqtt://127.0.0.1:1883", self.broker)

    def run(self, block):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.own(block)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert ran.returncode == 0, f"{block}\n{ran.stdout}\n{ran.stderr}"

    def until(self, condition):
        """Wait until a condition holds for the feeds in `/twin/feeds`, by name."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            listed = httpx.get(f"{self.address}/twin/feeds", headers=_OPERATOR, timeout=30).json()["feeds"]
            feeds = {feed["name"]: feed for feed in listed}
            if condition(feeds):
                return feeds
            assert time.monotonic() < deadline, feeds


@pytest.fixture(scope="module")
def here(cluster, district_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    shutil.copytree(PROJECT / "config" / "feeds", folder / "config" / "feeds")
    broker = Broker(folder / "broker")
    with ExitStack() as running:
        url = running.enter_context(temporary_database(cluster, district_template))
        feeds = {"folder": folder / "config" / "feeds"}
        settings = load_settings(home=folder / ".onemap", database={"url": url}, feeds=feeds)
        running.enter_context(home_lock(settings.home))
        (settings.home / "operator-token").write_text(_TOKEN, encoding="ascii")
        address = running.enter_context(running_app(settings))
        note_address(settings.home, address)
        ensure_feed_key("demo", settings.home)  # as `up` does for the demo city
        broker.start()
        running.callback(broker.stop)
        running.enter_context(Ingest(settings))
        onemap = folder / "onemap"
        onemap.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m server.cli "$@"\n', encoding="utf-8")
        onemap.chmod(0o755)
        yield Here(folder, address, broker.url, url)


def connected(feed):
    """Return whether messages of a feed are taken."""
    return feed is not None and (feed["connector"] is None or feed["connector"]["state"] == "working")


@pytest.mark.parametrize("title", [title for title, text in SECTIONS.items() if blocks(text)])
def test_every_block_works_as_printed(here, title):
    for name, _, content in _WRITTEN.findall(SECTIONS["A feed is a file"]):
        (here.folder / name).write_text(content, encoding="utf-8")
    section = "\n".join(blocks(SECTIONS[title]))
    for path, _, content in _WRITTEN.findall(section):  # first, so that the service has read them before their use
        (here.folder / path).write_text(here.own(content), encoding="utf-8")
    new = re.findall(r"^cat > config/feeds/(\w+)\.yaml", section, re.MULTILINE)
    here.until(lambda feeds: all(connected(feeds.get(name)) for name in new))
    for block in blocks(SECTIONS[title]):
        here.run(block)
    sent = set(re.findall(r"^\./onemap feed send (\w+)", section, re.MULTILINE)) | set(new)
    feeds = here.until(lambda feeds: all(feeds[name]["accepted"] for name in sent))
    assert {name: feeds[name]["refused"] for name in sent if feeds[name]["refused"]} == {}
