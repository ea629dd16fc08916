"""The guide to sensors works as printed: every request is answered, the notebook's lines run."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack

import httpx
import orjson
import pytest

from server.demo.load import load_rasters_once
from server.installation import PROJECT
from server.settings import DemoSettings
from tests.databases import run_async, temporary_database
from tests.docs.curl import answer_of, blocks_of
from tests.running_app import OPERATOR_TOKEN, running_for_operator
from tests.server.sensorthings.world import fill, observations

GUIDE = (PROJECT / "docs" / "guide" / "sensors.md").read_text(encoding="utf-8")
REQUESTS = [line for block in blocks_of("sensors") for line in block.replace("\\\n", " ").splitlines()]
NOTEBOOK = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def address(cluster, layers_template, tmp_path_factory):
    """The address of a server over stations, and the demo's rasters."""
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, layers_template))
        run_async(fill(url))
        asyncio.run(load_rasters_once(url, DemoSettings(), home))
        yield started.enter_context(running_for_operator(home, url))


@pytest.mark.parametrize("request_line", REQUESTS)
def test_every_request_is_answered(address, request_line):
    printed = answer_of(request_line, address)
    if "f=CSV" not in request_line and "$value" not in request_line:
        answer = orjson.loads(printed)
        assert answer.get("value") or answer.get("features") or answer.get("coverages") or answer.get("ranges")
    assert printed


def test_the_notebook_runs(address):
    (lines,) = NOTEBOOK
    rain = {at: value for _, name, code, at, value, _ in observations() if (name, code) == ("R1", "rain_mm")}
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"}) as client:
        names = {"client": client}
        exec(lines, names)  # noqa: S102  # the guide's own
    assert len(names["series"]) == len(rain)
    assert names["series"][names["wettest"]] == max(rain.values())
