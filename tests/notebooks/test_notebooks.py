"""The notebooks run from their first cell to the last, against the real service after a storm, and show pictures."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from server.demo.district_reader import read_district
from server.demo.storm import COLLECTIONS, Playing
from server.feeds.sender import FeedSender, connect
from server.installation import PROJECT
from tests.databases import temporary_database
from tests.running_app import OPERATOR_TOKEN, running_for_operator
from twin.city.storm import Storm, StormPlan

BOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
KEY = "a secret of sixteen bytes and more"
SEED = 440106
MINUTES, SPEED = 15, 2


@pytest.fixture(scope="module")
def address(cluster: str, district_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service over the small district, after a storm that ended just now."""
    home = tmp_path_factory.mktemp("home")
    keys = {f"ONEMAP_SECRET_{feed}": KEY for feed in ("DEMO", "WARNINGS_CAP")}
    with pytest.MonkeyPatch.context() as patch, temporary_database(cluster, district_template) as url:
        for name, key in keys.items():
            patch.setenv(name, key)
        with running_for_operator(home, url) as running:
            asyncio.run(play_storm(running))
            yield running


async def play_storm(address: str) -> None:
    """Play a storm of the last hour, without waiting for any of it."""
    async with connect(address) as client:
        began = int(time.time()) - 60 * 60
        plan = StormPlan(began, minutes=MINUTES, return_period_a=100, speed=SPEED)
        storm = Storm(await read_district(client, COLLECTIONS), SEED, plan)
        senders = (FeedSender(client, feed, KEY.encode()) for feed in ("demo", "warnings_cap"))
        await Playing(storm, *senders, lambda _: None).play()


def test_there_are_four_notebooks_without_outputs_in_the_repository():
    assert len(BOOKS) == 4
    for path in BOOKS:
        assert not any(cell.get("outputs") for cell in nbformat.read(path, 4).cells)


@pytest.mark.timeout(600)  # a kernel starts slowly on a busy machine
@pytest.mark.parametrize("path", BOOKS, ids=[path.stem for path in BOOKS])
def test_a_notebook_runs_and_ends_in_a_picture(path: Path, address: str, tmp_path: Path):
    book = nbformat.read(path, 4)
    environment = {
        "ONEMAP_URL": address,
        "ONEMAP_TOKEN": OPERATOR_TOKEN,
        "PYTHONPATH": str(PROJECT),
        "IPYTHONDIR": str(tmp_path),
    }
    client = NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=os.environ | environment)
    shown = [output for cell in book.cells for output in cell.get("outputs", ()) if output.output_type != "stream"]
    assert not [output for output in shown if output.output_type == "error"]
    assert any("<svg" in str(output.get("data", "")) for output in shown)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in cell.source) for cell in book.cells[:1])
