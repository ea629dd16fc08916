"""The guide to ways, sight and stretches is right: also its question by a body, and those of an operator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.databases import temporary_database
from tests.twin.service import TwinService

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "ways.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def service(cluster, district_template):
    with temporary_database(cluster, district_template) as url:
        running = TwinService(url)
        yield running
        running.close()


def test_the_body_of_the_guide_is_answered(service):
    ((address, body),) = re.findall(r"```json\nPOST (\S+)\n(.*?)```", GUIDE, flags=re.DOTALL)
    sent = {"content-type": "application/json"}
    found = service.ask(address, method="POST", content=body.encode(), headers=sent)
    assert found.status_code == 200, found.text
    assert {one["properties"]["resource_type"] for one in found.json()["features"]} == {"hospital"}


def test_the_questions_of_an_operator_are_answered(service):
    (block,) = re.findall(r"```operator\n(.*?)```", GUIDE, flags=re.DOTALL)
    for line in block.splitlines():
        found = service.json(line.removeprefix("GET "))
        assert found["length_m"] > 0, line
        assert found["features"], line
