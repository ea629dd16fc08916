"""The conversion of a source's columns to the types of a layer's fields: codes, numbers, dates, 是/否.

All functions take whole columns. The usual column, without a fault, is converted by one cast; only a column with a
fault is examined more closely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from layers.conversion.local_times import as_utc, parse_local_times, wall_clock
from layers.conversion.nested_values import json_text, json_value, list_text
from layers.conversion.number_text import number_texts
from layers.definition import CodeList, FieldDefinition
from layers.types import Mask

NULL_WORDS = (
    "None",
    "NONE",
    "NULL",
    "null",
    "Null",
    "<null>",
    "<Null>",
    "无",
    "N/A",
    "n/a",
    "#N/A",
    "NaN",
    "nan",
    "\\N",
)
TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0", "是", "有", "真")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0", "否", "无", "假")

_NUMBER = r"^[+-]?(\d{1,300}\.?\d*|\.\d+)([eE][+-]?\d{1,2})?$"
_INTEGER = r"^[+-]?\d{1,18}$"
_INTEGRAL = r"^([+-]?\d{1,15})\.0*$"


@dataclass(frozen=True, slots=True)
class Converted:
    """A column in its field's type.

    Attributes
    ----------
    values
        The column; null for missing and for bad values.
    bad
        Rows whose value does not fit the field.
    reason, expected
        The reason of bad values: a short code, and the right form in words.
    repairs
        Numbers of repairs by kind.
    """

    values: pa.Array
    bad: Mask
    reason: str = "bad_value"
    expected: str = ""
    repairs: Counter[str] = field(default_factory=Counter)


def convert(column: pa.Array, field: FieldDefinition, codes: CodeList | None = None) -> Converted:
    """Convert a column to the type of a layer's field.

    Parameters
    ----------
    column
        A column of any Arrow type.
    field
        The field: its type, code list and greatest length.
    codes
        The field's code list, when it has one; labels are accepted in place of codes and repaired.

    Returns
    -------
    Converted
        Empty for an empty column. Words for a missing value (`None`, `NULL`, `无`, `N/A`, `nan`) have become null,
        unless the word is a code or a truth value of the field.
    """
    column = _plain(column)
    kept = {c.code for c in codes.codes} if codes else set()
    if field.type == "boolean":
        kept |= {"无"}
    column, words = without_null_words(column, kept)
    made = _BY_TYPE[field.type](column, field)
    if codes is not None:
        made = _codes_for_labels(made, codes)
    if words:
        made.repairs["null_word"] += words
    return made


def texts(column: pa.Array) -> pa.Array:
    """Return a column of any type as trimmed text: numbers with all their digits, midnights as dates."""
    column = _plain(column)
    if pa.types.is_string(column.type):
        return pc.utf8_trim_whitespace(column)
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return number_texts(column)
    if pa.types.is_timestamp(column.type):
        return pc.replace_substring_regex(pc.cast(column, pa.string()), r"( 00:00:00)?(\.0+)?$", "")
    if is_binary(column.type):
        return pa.array([None if v is None else v.hex() for v in column.to_pylist()], pa.string())
    if pa.types.is_nested(column.type):
        return pa.array([None if v is None else json_text(v) for v in column.to_pylist()], pa.string())
    return pc.cast(column, pa.string())


def is_binary(kind: pa.DataType) -> bool:
    """Whether a column has a binary type, of variable or fixed length."""
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def numbers(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Return a column as float64, and a mask of the values that are no finite number."""
    column = _plain(column)
    if not pa.types.is_string(column.type):
        try:
            made = pc.cast(column, pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            made = pa.nulls(len(column), pa.float64())
    else:
        made = _cast_text(pc.utf8_trim_whitespace(column), pa.float64(), _NUMBER)
    made = pc.if_else(pc.is_finite(made), made, pa.scalar(None, pa.float64()))
    return made, lost(column, made)


def lost(before: pa.Array, after: pa.Array) -> Mask:
    """Mark the values that a conversion has turned into null; an empty or blank text is no value."""
    had = before.is_valid()
    if pa.types.is_string(before.type):
        had = pc.and_kleene(had, pc.not_equal(pc.utf8_trim_whitespace(before), ""))
    mask: Mask = pc.and_(pc.fill_null(had, fill_value=False), after.is_null()).to_numpy(zero_copy_only=False)
    return mask


def _plain(column: pa.Array) -> pa.Array:
    """Return a column without dictionaries, views and 64-bit offsets, which half of the functions do not take."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or column.type == pa.string_view():
        return pc.cast(column, pa.string())
    if column.type == pa.float16():
        return pc.cast(column, pa.float64())
    return pa.nulls(len(column), pa.string()) if pa.types.is_null(column.type) else column


def without_null_words(column: pa.Array, kept: set[str]) -> tuple[pa.Array, int]:
    """Return a column with words for a missing value as null, except for words to keep, and their number."""
    if not pa.types.is_string(column.type):
        return column, 0
    words = pa.array([w for w in NULL_WORDS if w not in kept])
    found = pc.is_in(pc.utf8_trim_whitespace(column), value_set=words)
    count = int(pc.sum(found).as_py() or 0)
    return (pc.if_else(found, pa.scalar(None, pa.string()), column), count) if count else (column, 0)


def _string(column: pa.Array, field: FieldDefinition) -> Converted:
    made = texts(column)
    repairs: Counter[str] = Counter()
    nuls = int(pc.sum(pc.match_substring(made, "\0")).as_py() or 0)
    if nuls:
        made = pc.replace_substring(made, "\0", "")
        repairs["nul_character"] += nuls
    made = pc.if_else(pc.equal(made, ""), pa.scalar(None, pa.string()), made)
    if field.max_length is None:
        return Converted(made, np.zeros(len(made), np.bool_), repairs=repairs)
    bad = pc.fill_null(pc.greater(pc.utf8_length(made), field.max_length), fill_value=False).to_numpy(
        zero_copy_only=False
    )
    return Converted(made, bad, "too_long", f"at most {field.max_length} characters", repairs)


def _integer(column: pa.Array, _: FieldDefinition) -> Converted:
    if pa.types.is_decimal(column.type):
        column = texts(column)
    if pa.types.is_string(column.type):
        text = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), _INTEGRAL, r"\1")
        made = _cast_text(text, pa.int64(), _INTEGER)
    elif pa.types.is_floating(column.type):
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**53))
        made = pc.cast(pc.if_else(whole, column, pa.scalar(None, column.type)), pa.int64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    elif column.type == pa.uint64():
        held = pc.less_equal(column, pa.scalar(2**63 - 1, pa.uint64()))
        made = pc.cast(pc.if_else(held, column, pa.scalar(None, column.type)), pa.int64())
    else:
        made = _cast_or_null(column, pa.int64())
    return Converted(made, lost(column, made), expected="a whole number")


def _number(column: pa.Array, _: FieldDefinition) -> Converted:
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    made, bad = numbers(column)
    return Converted(made, bad, expected="a number")


def _boolean(column: pa.Array, _: FieldDefinition) -> Converted:
    if pa.types.is_boolean(column.type):
        return Converted(column, np.zeros(len(column), np.bool_))
    text = pc.utf8_lower(texts(column))
    true, false = pc.is_in(text, value_set=pa.array(TRUE_WORDS)), pc.is_in(text, value_set=pa.array(FALSE_WORDS))
    made = pc.if_else(
        true, pa.scalar(value=True), pc.if_else(false, pa.scalar(value=False), pa.scalar(None, pa.bool_()))
    )
    return Converted(made, lost(text, made), expected="是/否, true/false or 1/0")


def _date(column: pa.Array, _: FieldDefinition) -> Converted:
    if pa.types.is_date(column.type):
        made = _of_our_time(pc.cast(column, pa.date32()))
        return Converted(made, lost(column, made), expected="a date of the years 1 to 9999")
    if pa.types.is_timestamp(column.type):
        moments_given = column if column.type.tz is None else wall_clock(column)
    else:
        column = texts(column)
        moments_given = parse_local_times(column, local=False)
    midnight = pc.floor_temporal(moments_given, unit="day")
    whole = pc.equal(midnight, moments_given)  # a spreadsheet's date is a midnight; a date would lose any other time
    made = pc.cast(pc.if_else(whole, midnight, pa.scalar(None, midnight.type)), pa.date32())
    return Converted(made, lost(column, made), expected="a date such as 2026-06-08 or 2026/6/8, without a time")


def _datetime(column: pa.Array, _: FieldDefinition) -> Converted:
    if pa.types.is_timestamp(column.type):
        made = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
        made = as_utc(made) if column.type.tz is None else pc.cast(made, pa.timestamp("us", "UTC"))
        made = _of_our_time(made)
        return Converted(made, lost(column, made), expected="a time of the years 1 to 9999")
    text = pc.cast(column, pa.string()) if pa.types.is_date(column.type) else column
    made = parse_local_times(texts(text), local=True)
    return Converted(made, lost(text, made), expected="a time such as 2026-06-08 12:30:00 or 2026-06-08T04:30:00Z")


def _of_our_time(moments_given: pa.Array) -> pa.Array:
    """Return moments with null for years that neither PostgreSQL's output nor RFC 3339 can write."""
    years = pc.year(moments_given)
    written = pc.and_(pc.greater(years, 1), pc.less(years, 9999))
    return pc.if_else(written, moments_given, pa.scalar(None, moments_given.type))


def _string_array(column: pa.Array, _: FieldDefinition) -> Converted:
    made, bad = _each(column, list_text)
    return Converted(made, bad, expected="a list, its parts between 、 or commas")


def _json(column: pa.Array, _: FieldDefinition) -> Converted:
    made, bad = _each(column, json_value)
    return Converted(made, bad, expected="JSON")


def _each(column: pa.Array, make: Callable[[Any], str | None]) -> tuple[pa.Array, Mask]:
    """Return a column converted value by value, for the few fields of lists or JSON, and a mask of bad values."""
    bad = np.zeros(len(column), np.bool_)
    made: list[str | None] = []
    for row, value in enumerate(column.to_pylist()):
        try:
            made.append(None if value is None else make(value))
        except (ValueError, TypeError):
            bad[row] = True
            made.append(None)
    return pa.array(made, pa.string()), bad


def _codes_for_labels(made: Converted, codes: CodeList) -> Converted:
    """Check a column against a code list; a label in either language becomes its code."""
    text = pc.cast(made.values, pa.string())
    known = pc.is_in(text, value_set=pa.array([c.code for c in codes.codes]))
    if pc.all(pc.or_(known, text.is_null()), min_count=0).as_py():
        return made
    labels = {c.label_en: c.code for c in codes.codes} | {c.label_zh: c.code for c in codes.codes}
    place = pc.index_in(text, value_set=pa.array(list(labels)))
    by_label = pc.take(pa.array(list(labels.values()), pa.string()), place)
    repaired = pc.and_(pc.invert(known), by_label.is_valid())
    coded = pc.if_else(known, text, by_label)
    bad = made.bad | pc.and_(text.is_valid(), coded.is_null()).to_numpy(zero_copy_only=False)
    made.repairs["label_to_code"] += int(pc.sum(repaired).as_py() or 0)
    allowed = ", ".join(c.code for c in codes.codes[:12]) + (" …" if len(codes.codes) > 12 else "")
    return Converted(
        pc.cast(coded, made.values.type), bad, "unknown_code", f"a code of {codes.id}: {allowed}", made.repairs
    )


def _cast_text(text: pa.Array, target: pa.DataType, pattern: str) -> pa.Array:
    """Cast texts, with null where one does not fit the pattern; the pattern is only tested when the cast fails."""
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    try:
        return pc.cast(text, target)
    except pa.ArrowInvalid:
        fits = pc.match_substring_regex(text, pattern)
        text = pc.replace_substring_regex(text, r"^\+", "")
        return pc.cast(pc.if_else(fits, text, pa.scalar(None, pa.string())), target)


def _cast_or_null(column: pa.Array, target: pa.DataType) -> pa.Array:
    try:
        return pc.cast(column, target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(column), target)


_BY_TYPE: dict[str, Callable[[pa.Array, FieldDefinition], Converted]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "string_array": _string_array,
    "json": _json,
}
