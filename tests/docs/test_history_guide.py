"""The guide to history is right: also what it asks as an operator, about moving features."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.databases import temporary_database
from tests.twin.service import TwinService

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "history.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def service(cluster, district_template):
    with temporary_database(cluster, district_template) as url:
        running = TwinService(url)
        yield running
        running.close()


def test_the_lines_of_python_are_run(district_url, live_server):
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    known = {"server": live_server(district_url)}
    exec(program, known)  # noqa: S102  # our own guide
    assert {"layer", "id", "property", "time", "value", "unit", "geometry"} <= set(known["frame"].columns)


def test_the_questions_of_an_operator_are_answered(service):
    (block,) = re.findall(r"```operator\n(.*?)```", GUIDE, flags=re.DOTALL)
    found = [service.json(line.removeprefix("GET ")) for line in block.splitlines()]
    assert found[0]["type"] == "TemporalGeometrySequence"
    assert {"speed_kmh", "heading_deg"} <= {one["name"] for one in found[1]["temporalProperties"]}
    assert (found[2]["name"], found[2]["form"]) == ("speed_kmh", "KMH")
