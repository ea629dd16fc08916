"""The values a type holds without altering them: a code that looks like a number or a date is neither."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from layers.conversion.convert import Converted, convert, texts
from layers.definition import FieldDefinition, FieldType
from layers.types import Mask

TRUTH = ("true", "false", "是", "否")
_LONGEST = 15  # digits; longer ones are an identity card, a bank card or a device, and exceed a float's precision
_WHOLE = rf"^-?\d{{{_LONGEST + 1},}}$"
_WRITTEN_BY_FLOATS = (
    r"^-?[1-9](\.\d{0,15}[1-9])?e(-0?[5-9]|-[1-9]\d{1,2}|\+[1-9]\d{1,2})$"  # 1e-07, as Python and Arrow do
)
_DATE = r"^(\d{4}-\d{2}-\d{2}|(19|20)\d{2}[-/.年]|(19|20)\d{6}[Tt])"  # padded, or of a year that is one


def altered(column: pa.Array, kind: FieldType, made: Converted) -> Mask:
    """Mark the values that a type can read but would write differently: `1.10`, `12E3`, `007`.

    Parameters
    ----------
    column
        The column of the source.
    kind
        The field's type.
    made
        The column as `layers.conversion.convert.convert` returned it.

    Returns
    -------
    Mask
        False for nulls and for values that could not be converted.
    """
    if column.type == made.values.type:
        return np.zeros(len(column), np.bool_)
    read = made.values.is_valid()
    if kind in {"integer", "number"}:
        text, back = texts(column), texts(made.values)
        changed = pc.not_equal(text, back)
        if pa.types.is_string(column.type):
            if kind == "number":
                pointed = pc.equal(text, pc.binary_join_element_wise(back, ".0", ""))
                changed = pc.and_not(changed, pc.or_(pointed, pc.match_substring_regex(text, _WRITTEN_BY_FLOATS)))
            changed = pc.or_(changed, pc.match_substring_regex(text, _WHOLE))
    elif kind == "boolean":
        changed = pc.invert(pc.is_in(texts(column), value_set=pa.array(TRUTH)))
    elif kind in {"date", "datetime"} and not pa.types.is_temporal(column.type):
        changed = pc.invert(pc.match_substring_regex(texts(column), _DATE))
    else:
        return np.zeros(len(column), np.bool_)
    mask: Mask = pc.and_(read, pc.fill_null(changed, fill_value=False)).to_numpy(zero_copy_only=False)
    return mask


def suits(column: pa.Array, kind: FieldType) -> bool:
    """Whether a column fits a type with no value refused or altered; an empty column fits every type."""
    made = convert(column, FieldDefinition(name="x", title_zh="x", title_en="x", type=kind))
    return not made.bad.any() and not altered(column, kind, made).any()
