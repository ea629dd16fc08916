"""Masks: the part of a value that an actor sees who may not see all of it, as SQL and the same in memory.

A mask shows no more characters than it names, and nothing of a value too short to hide the rest. Text that is masked
already stays as it is. `domain.md` 7.3 names the masks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone

from layers.coordinates.crs import STORED_SRID
from layers.coordinates.district_crs import measuring_srid
from layers.definition import FieldType
from layers.policy.definition import GeometryShowing, Showing

_ZONE = "Asia/Shanghai"
_LOCAL = timezone(timedelta(hours=8))
_BUILDING, _NUMBER, _ROAD = "^[^栋幢座]*[栋幢座]", "^[^号]*号", "^[^路街道巷]*[路街道巷]"
_HOUSE, _ROOM = "号楼", "[0-9A-Za-z]+(房|室|单元|层|楼)"
_SIDES_M: Mapping[str, int] = {"cell_100": 100, "cell_500": 500}

_EXPRESSIONS: Mapping[str, str] = {
    "name": "CASE WHEN char_length({0}) > 1 THEN left({0}, 1) || '**' WHEN {0} IS NOT NULL THEN '*' END",  # 张**
    "phone": "CASE WHEN char_length({0}) > 10 THEN left({0}, 3) || '****' || right({0}, 4)"  # 138****1234
    " WHEN {0} IS NOT NULL THEN '****' END",
    "id_number": "CASE WHEN char_length({0}) > 14 THEN left({0}, 6) || '********' || right({0}, 4)"
    " WHEN {0} IS NOT NULL THEN '********' END",
    "plate": "CASE WHEN char_length({0}) > 6 THEN left({0}, 2) || '**' || right({0}, 3)"  # 粤A**123
    " WHEN {0} IS NOT NULL THEN '**' END",
    "address": f"regexp_replace(coalesce(substring({{0}} FROM '{_BUILDING}'),"
    f" CASE WHEN strpos({{0}}, '{_HOUSE}') > 0 THEN left({{0}}, strpos({{0}}, '{_HOUSE}') + 1) END,"
    f" substring({{0}} FROM '{_NUMBER}'), substring({{0}} FROM '{_ROAD}'),"
    f" CASE WHEN {{0}} IS NOT NULL THEN '**' END), '{_ROOM}', '', 'g')",
    "pseudonym": "onemap.pseudonym({0})",
    "stock_class": "CASE WHEN {0} > 0 THEN '有' WHEN {0} IS NOT NULL THEN '无' END",
}
REFERENCE = "一次性引用 one-time"
"""What outputs show of a value that is exchanged for a ticket: that there is one."""
_REFERENCES: Mapping[bool, str] = {
    False: f"CASE WHEN {{0}} IS NOT NULL THEN '{REFERENCE}' END",
    True: f"CASE WHEN cardinality({{0}}) > 0 THEN array_fill('{REFERENCE}'::text, ARRAY[cardinality({{0}})]) END",
}
_TRUNCATED = "date_trunc('{1}', {0}, '" + _ZONE + "')"


def mask_column(mask: Showing, column: str, kind: FieldType = "string") -> str:
    """Return the SQL of a masked column of a type; ``full`` is the column.

    Raises
    ------
    KeyError
        For ``absent``, which shows nothing and has no such SQL: leave the field out instead.
    """
    if mask == "full" or (mask in {"hour", "day"} and kind == "date"):
        return column
    if mask in {"hour", "day"}:
        return _TRUNCATED.format(column, mask)
    if mask == "reference":
        return _REFERENCES[kind == "string_array"].format(column)
    return _EXPRESSIONS[mask].format(column)


def shown_type(mask: Showing, kind: FieldType) -> FieldType:
    """Return the type of a masked value."""
    return "string" if mask in _EXPRESSIONS else kind


def mask_geometry(showing: GeometryShowing, geometry: str) -> str:
    """Return the SQL of a geometry as it is shown: itself, NULL, or the centre of its cell in the measuring plane.

    A centre is not a random place near by: what is asked often could be averaged.
    """
    if showing == "full":
        return geometry
    if showing == "absent":
        return "NULL::geometry"
    side, plane = _SIDES_M[showing], measuring_srid()
    point = f"ST_Transform(ST_PointOnSurface({geometry}), {plane})"
    return f"ST_Transform(ST_SnapToGrid({point}, {side / 2}, {side / 2}, {side}, {side}), {STORED_SRID})"


def cell_side_m(showing: GeometryShowing) -> int | None:
    """Return the side of the cells of a geometry that is shown by its cell; None for any other."""
    return _SIDES_M.get(showing)


def mask_value(mask: Showing, value: str) -> str:
    """Mask a text in memory as `mask_column` does in SQL.

    Raises
    ------
    KeyError
        For a mask that is not of texts.
    """
    return _OF_TEXTS[mask](value)


def mask_time(mask: Showing, value: datetime | date) -> datetime | date:
    """Cut a time to its hour or day in local time, as `mask_column` does in SQL; a date stays what it is."""
    if not isinstance(value, datetime):
        return value
    local = value.astimezone(_LOCAL).replace(minute=0, second=0, microsecond=0)
    return (local.replace(hour=0) if mask == "day" else local).astimezone(UTC)


def _address(text: str) -> str:
    house = text.find(_HOUSE)
    building = re.search(_BUILDING, text)
    if building is None and house >= 0:
        return re.sub(_ROOM, "", text[: house + len(_HOUSE)])
    kept = building or re.search(_NUMBER, text) or re.search(_ROAD, text)
    return re.sub(_ROOM, "", kept[0] if kept else "**")


_OF_TEXTS: Mapping[str, Callable[[str], str]] = {
    "full": lambda text: text,
    "name": lambda text: f"{text[:1]}**" if len(text) > 1 else "*",
    "phone": lambda text: f"{text[:3]}****{text[-4:]}" if len(text) > 10 else "****",
    "id_number": lambda text: f"{text[:6]}********{text[-4:]}" if len(text) > 14 else "********",
    "plate": lambda text: f"{text[:2]}**{text[-3:]}" if len(text) > 6 else "**",
    "address": _address,
}
