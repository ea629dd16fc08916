"""Columns are converted to the types of their fields: known cases, and laws over any text."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.conversion.convert import NULL_WORDS, convert
from layers.definition import Code, CodeList, FieldDefinition

CODES = CodeList(
    id="c", title_zh="c", title_en="c", standard="s", standard_version="1",
    codes=(
        Code(code="none", label_zh="不共享", label_en="Not shared"),
        Code(code="N/A", label_zh="不适用", label_en="n.a."),
    ),
)  # fmt: skip


def field(kind: str, **more) -> FieldDefinition:
    return FieldDefinition(name="x", title_zh="x", title_en="x", type=kind, **more)


def made(kind, values, codes=None, **more):
    converted = convert(pa.array(values), field(kind, **more), codes)
    assert len(converted.values) == len(converted.bad) == len(values)
    return converted.values.to_pylist(), converted.bad.tolist()


@pytest.mark.parametrize(
    ("kind", "given_text", "value"),
    [
        ("date", "2026/6/8", "2026-06-08"), ("date", "20260608", "2026-06-08"), ("date", "2026年6月8日", "2026-06-08"),
        ("date", "2026.6.8", "2026-06-08"), ("date", "2026-06-08 00:00:00", "2026-06-08"),
        ("datetime", "2026/6/8 8:05", "2026-06-08T00:05:00+00:00"),
        ("datetime", "2026-06-08T04:30:00Z", "2026-06-08T04:30:00+00:00"),
        ("datetime", "2026-06-08 12:30:00.5+08:00", "2026-06-08T04:30:00.500000+00:00"),
        ("datetime", "2026-06-08T04:30:00-0330", "2026-06-08T08:00:00+00:00"),
        ("datetime", "2026年6月8日 8时5分", "2026-06-08T00:05:00+00:00"),
        ("datetime", "2026-06-08", "2026-06-07T16:00:00+00:00"),
        ("datetime", "2026-06-08 10:00:00+08", "2026-06-08T02:00:00+00:00"),
        ("datetime", "2026-06-08 10:00:00.123456+08", "2026-06-08T02:00:00.123456+00:00"),
        ("datetime", "2026-06-08 10:00:00+8:00", "2026-06-08T02:00:00+00:00"),
        ("datetime", "20260608T100000+0800", "2026-06-08T02:00:00+00:00"),
        ("datetime", "2026-06-08 24:00:00", "2026-06-08T16:00:00+00:00"),
        ("datetime", "2026-12-31T23:59:60Z", "2027-01-01T00:00:00+00:00"),
        ("datetime", "2026-06-08 下午 3:05", "2026-06-08T07:05:00+00:00"),
        ("datetime", "2026年6月8日下午3时05分", "2026-06-08T07:05:00+00:00"),
        ("datetime", "2026/6/8 上午12:30", "2026-06-07T16:30:00+00:00"),
        ("date", "2026-06-07 24:00:00", "2026-06-08"),
    ],
)  # fmt: skip
def test_dates_and_times(kind, given_text, value):
    (converted,), (bad,) = made(kind, [given_text])
    assert not bad
    assert converted.isoformat() == value


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-13-01", "08/06/2026", "yesterday", "2026-06-08 12:30", "0000-01-01"]
)
def test_no_dates(text):
    assert made("date", [text]) == ([None], [True])


@pytest.mark.parametrize(
    "text",
    ["2026-06-08 24:00:01", "2026-06-08 25:00", "2026-06-08T10:58:60Z", "2026-06-08 10:00:00+99", "2026-06-08-08"],
)
def test_no_times(text):
    assert made("datetime", [text]) == ([None], [True])


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2099, 12, 30)), st.integers(-14, 14))  # noqa: DTZ001
def test_every_way_to_write_a_moment_is_the_same_moment(moment, hours):
    moment = moment.replace(microsecond=0)
    sign, size = "-" if hours < 0 else "+", abs(hours)
    zones = [f"{sign}{size:02}:00", f"{sign}{size:02}00", f"{sign}{size:02}", f"{sign}{size}:00"]
    ways = [f"{moment:%Y-%m-%d %H:%M:%S}{zone}" for zone in zones] + [f"{moment:%Y%m%dT%H%M%S}{zones[1]}"]
    read, bad = made("datetime", ways)
    assert not any(bad)
    assert set(read) == {(moment - timedelta(hours=hours)).replace(tzinfo=UTC)}


@pytest.mark.parametrize(
    ("kind", "values", "expected", "bad"),
    [
        ("integer", ["1", "2.0", "+3", " 7 "], [1, 2, 3, 7], [0, 0, 0, 0]),
        ("integer", ["x", "1.5", "99999999999999999999", "4"], [None, None, None, 4], [1, 1, 1, 0]),
        ("integer", [1.0, 2.5, math.nan, None], [1, None, None, None], [0, 1, 0, 0]),
        ("number", ["1e3", "-.5", "inf", "1,5"], [1000.0, -0.5, None, None], [0, 0, 1, 1]),
        ("number", [math.nan, math.inf, 1.0], [None, None, 1.0], [0, 1, 0]),
        ("boolean", ["是", "否", "TRUE", "0", "有", "无"], [True, False, True, False, True, False], [0, 0, 0, 0, 0, 0]),
        ("boolean", ["maybe", "", None], [None, None, None], [1, 0, 0]),
        ("string", [440106.0, 1.5, None], ["440106", "1.5", None], [0, 0, 0]),
        ("string_array", ["a、b", '["x","y\\"z"]', ""], ['{"a","b"}', '{"x","y\\"z"}', None], [0, 0, 0]),
        ("json", ['{"a": 1}', "{", None], ['{"a":1}', None, None], [0, 1, 0]),
    ],
)  # fmt: skip
def test_types(kind, values, expected, bad):
    assert made(kind, values) == (expected, [bool(b) for b in bad])


@pytest.mark.parametrize("word", [w for w in NULL_WORDS if w != "无"])
@pytest.mark.parametrize("kind", ["string", "integer", "number", "boolean", "date", "datetime", "json", "string_array"])
def test_words_for_nothing_are_nothing(word, kind):
    converted = convert(pa.array([f" {word} "]), field(kind))
    assert converted.values.to_pylist() == [None]
    assert not converted.bad.any()
    assert converted.repairs == {"null_word": 1}


def test_a_word_that_is_a_code_stays_and_labels_become_codes():
    values, bad = made("string", ["none", "N/A", "不共享", "None", "other"], CODES)
    assert values == ["none", "N/A", "none", None, None]
    assert bad == [False, False, False, False, True]


def test_length_is_counted_in_characters():
    assert made("string", ["四个汉字", "五个汉字了"], max_length=4)[1] == [False, True]


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=8),
    st.sampled_from(["string", "integer", "number", "boolean", "date", "datetime", "string_array", "json"]),
)
def test_any_text_is_converted_or_called_bad(values, kind):
    converted = convert(pa.array(values, pa.string()), field(kind))
    for value, result, bad in zip(values, converted.values.to_pylist(), converted.bad, strict=True):
        assert not (bad and result is not None)
        if value is None or not value.strip():
            assert not bad
        elif result is None and not bad:
            assert (
                value.strip() in NULL_WORDS or not value.replace("\0", "").strip() or kind in {"string_array", "json"}
            )


@given(st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), min_size=1, max_size=5))
def test_whole_numbers_survive_as_text(values):
    assert made("integer", [None if v is None else str(v) for v in [*values, 1]])[0] == [*values, 1] or any(
        v is not None and abs(v) >= 10**18 for v in values
    )
