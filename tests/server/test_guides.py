"""Laws of the guides: links, anchors and pictures lead somewhere, nothing raw is let through, and all are listed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.page.guides import DOCS, guides, images, search_guides, shelves
from server.page.markdown import anchor_of, write_html
from server.routes.pages.guide import _written

ROOT = "http://map.test/guide"
ADDRESS = re.compile(r'(?:href|src)="([^"]+)"')


@pytest.fixture(scope="module")
def pages():
    return {name: _written(name, ROOT, "").html for name in guides()}


def test_every_link_and_picture_leads_somewhere(pages):
    anchors = {name: set(re.findall(r' id="([^"]+)"', html)) for name, html in pages.items()}
    count = 0
    for name, html in pages.items():
        for address in ADDRESS.findall(html):
            path, _, fragment = address.partition("#")
            if address.startswith(f"{ROOT}/images/"):
                assert path.rpartition("/")[2] in images(), (name, address)
            elif not path or path.startswith(ROOT):
                target = path.removeprefix(f"{ROOT}/") or name
                assert target in pages, (name, address)
                assert not fragment or fragment in anchors[target], (name, address)
                count += 1
    assert count > 50


def test_every_document_is_on_one_shelf(pages):
    listed = [guide.name for shelf in shelves() for guide in shelf.entries]
    assert sorted(listed) == sorted(pages)
    assert len(pages) == len([*DOCS.rglob("*.md")])


def test_a_search_finds_what_holds_every_word():
    for words in ("quarantine", "GeoParquet duckdb", "令牌"):
        found = {one.guide.name for one in search_guides(words)}
        held = [n for n, g in guides().items() if all(word.casefold() in g.text.casefold() for word in words.split())]
        assert found == set(held)
        assert found
    assert search_guides("   ") == []


@given(st.text(st.sampled_from("<>&\"'ab[]()!:/ \n#*`j"), max_size=80))
def test_no_text_becomes_markup_of_its_own(text):
    html = write_html(f"<script>x</script>\n\n{text}\n\n[a](javascript:b)", lambda target: target).html
    assert "<script" not in html
    assert not re.search(r"<[^>]*\son\w+=", html)
    assert "javascript:" not in "".join(ADDRESS.findall(html))


def test_anchors_are_those_of_github_and_each_is_given_once():
    assert anchor_of("`/live/ws`: a WebSocket") == "livews-a-websocket"
    written = write_html("## One two\n\n## One two\n\n### 三 Three", lambda _: None)
    assert [(one.level, one.anchor) for one in written.headings] == [(2, "one-two"), (2, "one-two-1"), (3, "三-three")]


def test_a_link_that_leads_nowhere_leaves_its_words():
    assert write_html("see [the file](../x.yaml) here", lambda _: None).html == "<p>see the file here</p>\n"
