"""Homes: what of an address lies below the building. Road, number and building stay; unit, floor and room go.

A floor or a number that does not follow a building is no home: 商场3楼 stays.
"""

from __future__ import annotations

import re

from twin.store.redaction.numbers import SIGNS, Steps, replace_in_shadow

ROOM = "[房号]"

_NUMBER = r"[A-Za-z]?[0-9十百]{1,4}[A-Za-z]?"
_LEVEL = rf"(?:负?{_NUMBER}(?:单元|梯|楼|层)|[东西南北中甲乙丙丁](?:单元|梯))"
_ROOM = rf"{_NUMBER}(?:号?房间?|室|户|号铺)"
_BARE = (
    r"[A-Za-z]?[0-9]{3,4}[A-Za-z]?(?![0-9A-Za-z]|[.:：年月日时点分秒米公元人次辆个户名位条%％吨路线度级斤块片mMkK㎡])"
)
_PART = rf"[ \-－—–、，,]{{0,2}}(?:{_LEVEL}|{_ROOM}|{_BARE})"
_BUILDING = r"(?<=[0-9A-Za-z十百号甲乙丙丁东西南北主裙][号栋幢座楼])"
_BELOW = re.compile(rf"{_BUILDING}(?:之[0-9]{{1,2}}(?=[ \-－—]?{_BARE}|{_PART}))?(?:{_PART}){{1,5}}")
_UNIT = rf"{_NUMBER}单元(?:{_NUMBER}[楼层])?"
_FLAT = r"[A-Za-z]?[0-9]{3,4}[A-Za-z]?"
_ALONE = re.compile(
    rf"(?<![0-9A-Za-z])(?:(?:{_UNIT})?{_FLAT}(?:号?房(?![价租产东款])间?|室(?![内外温]))|{_UNIT}{_FLAT}(?![0-9]))"
)
_DASHED = re.compile(
    r"(?<![0-9A-Za-z-])(?P<label>[0-9]{1,3}(?=-[0-9]))(?:-[0-9]{1,2})?-[0-9]{3,4}(?:号?房|室|(?=住户|业主|租客))"
)
_NEEDED = re.compile("[0-9十百]{3}|[单房室楼层梯]")
_STEPS: Steps = ((_BELOW, ROOM), (_DASHED, ROOM), (_ALONE, ROOM))


def redact_homes(text: str) -> str:
    """Replace units, floors and rooms behind a building, and rooms with their word, by a word for them."""
    return replace_in_shadow(text, SIGNS, _STEPS, _NEEDED)
