"""Numbers as text with all their digits, so that a phone number stays one."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS_MAX = (
    21  # beyond, and below a millionth, the exponent stays: the bounds of ECMAScript, which readers of JSON know
)
_SMALLEST = Decimal("1e-6")


def number_texts(column: pa.Array) -> pa.Array:
    """Return floats or decimals as text: the fewest digits that parse to the same value, whole floats without a point.

    Parameters
    ----------
    column
        A column of a floating or decimal type. A decimal keeps the zeros at its end, which the source has.

    Returns
    -------
    pa.Array
        Texts such as ``13800138000`` and ``0.5``; null for null and NaN.

    Examples
    --------
    >>> number_texts(pa.array([1.38e10, 0.5, -0.0])).to_pylist()
    ['13800138000', '0.5', '0']
    """
    text = pc.cast(column, pa.string())
    if pa.types.is_floating(column.type):
        text = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.string()), text)
        text = pc.replace_substring_regex(text, r"\.0$", "")
        text = pc.replace_substring_regex(text, r"^-0$", "0")
    short = pc.fill_null(pc.match_substring_regex(text, r"\d[eE][+-]?\d"), fill_value=False)
    if not pc.any(short, min_count=0).as_py():
        return text
    spelled = [_spell(t) for t in text.filter(short).to_pylist()]
    return pc.replace_with_mask(text, short, pa.array(spelled, pa.string()))


def number_text(value: float) -> str:
    """Return one number as text, as `number_texts`."""
    text: str | None = number_texts(pa.array([value], pa.float64()))[0].as_py()
    return "NaN" if text is None else text


def _spell(text: str) -> str:
    value = Decimal(text)
    if value and not _SMALLEST <= abs(value) < Decimal(10) ** _DIGITS_MAX:
        return text
    return f"{value:f}"
