"""Chinese addresses are taken apart, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import BadInput
from twin.geocoding.parse import AddressParts, bigrams, parse_address

WAYS = [
    ("广东省广州市天河区石牌街道龙口西路120号3栋501房", ("天河区", "石牌街道", None, "龙口西路", "120", "3", "501")),
    ("天河区石牌街道龙口西路一百二十号", ("天河区", "石牌街道", None, "龙口西路", "120", None, None)),
    ("龙口西路一二〇号", (None, None, None, "龙口西路", "120", None, None)),
    ("龙口西路 １２０ 号（示例）", (None, None, None, "龙口西路", "120", None, None)),
    ("冼村街道冼村社区金穗路8号", (None, "冼村街道", "冼村社区", "金穗路", "8", None, None)),
    ("天河北路", (None, None, None, "天河北路", None, None, None)),
    ("黄埔大道中路124-2号", (None, None, None, "黄埔大道中路", "124-2", None, None)),
    ("棠下街道荷光三横路12号A栋", (None, "棠下街道", None, "荷光三横路", "12", "A", None)),
    ("榕树二巷5号", (None, None, None, "榕树二巷", "5", None, None)),
]


@pytest.mark.parametrize(("written", "expected"), WAYS, ids=[way for way, _ in WAYS])
def test_parts_of_an_address(written, expected):
    found = parse_address(written)
    assert (
        found.district, found.street, found.community, found.road, found.number, found.building, found.room
    ) == expected  # fmt: skip


@pytest.mark.parametrize("given_text", ["", "   ", "（示例）", "a" * 201, "龙口\0路"])
def test_what_is_no_address_is_refused(given_text):
    with pytest.raises(BadInput):
        parse_address(given_text)


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_is_refused(text):
    try:
        found = parse_address(text)
    except BadInput:
        return
    assert isinstance(found, AddressParts)


_ROADS = st.sampled_from(["龙口西路", "天河北路", "金穗大道", "榕树二巷", "福安街"])


@given(_ROADS, st.integers(1, 9999), st.sampled_from(["石牌街道", "冼村街道", ""]), st.sampled_from(["天河区", ""]))
def test_what_is_written_is_read(road, number, street, district):
    found = parse_address(f"{district}{street}{road}{number}号")
    assert (found.district or "", found.street or "", found.road, found.number) == (
        district, street, road, str(number)
    )  # fmt: skip


@given(st.text(min_size=1, max_size=30))
def test_pairs_of_characters_are_those_of_the_text(text):
    assert all(pair in text for pair in bigrams(text))
    assert len(bigrams(text)) <= max(len(text) - 1, 1)
