"""The guide to ways, sight and stretches is right: also its question by a body, and those of an operator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.twin.service import serving

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "ways.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def service(cluster, district_template):
    with serving(cluster, district_template) as running:
        yield running


def test_the_bodies_of_the_guide_are_answered(service):
    sent = {"content-type": "application/json"}
    told = {}
    for address, body in re.findall(r"```json\nPOST (\S+)\n(.*?)```", GUIDE, flags=re.DOTALL):
        found = service.ask(address, method="POST", content=body.encode(), headers=sent)
        assert found.status_code == 200, found.text
        told[address] = found.json()
    nearest, people = told["/twin/nearest-resources"], told["/twin/population"]
    assert {one["properties"]["resource_type"] for one in nearest["features"]} == {"hospital"}
    assert people["people"] > 0
    assert people["method"] == "buildings_by_area"


def test_the_questions_of_an_operator_are_answered(service):
    (block,) = re.findall(r"```operator\n(.*?)```", GUIDE, flags=re.DOTALL)
    for line in block.splitlines():
        found = service.json(line.removeprefix("GET "))
        assert found["length_m"] > 0, line
        assert found["features"], line
