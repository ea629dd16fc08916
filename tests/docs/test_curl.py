"""The requests that guides print for curl are answered, and the programs of the client developer's guide run."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import orjson
import pytest

from server.installation import PROJECT
from tests.databases import temporary_database
from tests.docs.curl import PRINTED, answer_of, blocks_of
from tests.running_app import OPERATOR_TOKEN, running_for_operator

PAGES = ("client-developer", "history", "indicators", "processes")
BLOCKS = [(page, block) for page in PAGES for block in blocks_of(page)]


@pytest.fixture(scope="module")
def address(cluster, district_template, tmp_path_factory):
    with (
        temporary_database(cluster, district_template) as url,
        running_for_operator(tmp_path_factory.mktemp("home"), url) as running,
    ):
        yield running


def test_every_page_has_one():
    assert {page for page, _ in BLOCKS} == set(PAGES)


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_it_is_answered(address, page, block):
    assert orjson.loads(answer_of(block, address)), page


GUIDE = (PROJECT / "docs" / "guide" / "client-developer.md").read_text(encoding="utf-8")
READ = """
import json
print(json.dumps({
    "pandas": [len(cameras), len(streets), cameras["device_id"].dtype.kind],
    "GDAL": [list(grids.columns), len(grids)],
    "OWSLib": [len(page["features"]), near["result"]["type"], level["type"]],
}))
"""


def test_the_programs_of_the_client_developer_run(address):
    """In a process of its own, for GDAL keeps the interpreter's lock while it waits for an answer."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    program = "\n".join(blocks).replace(PRINTED, address) + READ
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ONEMAP_TOKEN": OPERATOR_TOKEN},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = orjson.loads(ran.stdout.splitlines()[-1])
    cameras, streets, kind = told["pandas"]
    assert cameras > 1000
    assert streets > 10, "more than one page"
    assert kind in "OT", "codes are text"
    assert told["GDAL"][0] == ["id", "grid_code", "grid_type", "geometry"]
    assert told["GDAL"][1] > 20
    assert told["OWSLib"][0] > 0
    assert told["OWSLib"][1:] in (["FeatureCollection", "Coverage"], ["FeatureCollection", "CoverageCollection"])
