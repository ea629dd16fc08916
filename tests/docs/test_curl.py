"""The requests that guides print for curl are answered."""

from __future__ import annotations

import orjson
import pytest

from tests.databases import temporary_database
from tests.docs.curl import answer_of, blocks_of
from tests.running_app import running_for_operator

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
