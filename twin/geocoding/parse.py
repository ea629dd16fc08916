"""The parts of a Chinese address: district, street, community, road, number, building and room (GB/T 23705).

What is written in many ways becomes one: full-width letters and digits, Chinese numerals, spaces and punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from layers.errors import BadInput

CHARACTERS_MAX = 200
_NOISE = re.compile(r"[\s,，。.、;；:：#*]+|[(（][^)）]*[)）]")
_DIGITS = dict(zip("零〇一二三四五六七八九两", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2), strict=True))
_TENS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = re.compile(r"[零〇一二三四五六七八九两十百千]+(?=号|栋|幢|座|单元|楼|层|房|室)")
_PARTS = re.compile(
    r"^(?:(?P<province>[^市区]{2,8}省|[^市区]{2,6}自治区))?"
    r"(?:(?P<city>[^区街路]{2,6}市))?"
    r"(?:(?P<district>[^街路号]{1,4}[区县]))?"
    r"(?:(?P<street>[^路号区]{2,8}?(?:街道办事处|街道办|街道|镇)))?"
    r"(?:(?P<community>[^路号]{2,10}?(?:社区居委会|社区|居委会)))?"
    r"(?:(?P<road>[^号栋幢座]{1,20}?(?:大道(?:[东西南北中]路?)?|马路|横路|公路|[东西南北中]路|[一二三四五六七八九十]路|路|大街|[东西南北新直横]街|"
    r"[一二三四五六七八九十]街|街|[一二三四五六七八九十]巷|巷|胡同|里|坊|涌边))(?=\d|\Z|与|[^路街巷]))?"
    r"(?:(?P<number>\d{1,5}(?:[-之附]\d{1,4})?)号(?:院|大院|楼)?)?"
    r"(?P<rest>.*)\Z"
)
_BUILDING = re.compile(r"(?P<building>[A-Z]?\d{0,4})(?:栋|幢|座|号楼)")
_ROOM = re.compile(r"(?P<room>\d{2,5})(?:房|室|单元)")


@dataclass(frozen=True, slots=True)
class AddressParts:
    """An address taken apart; None for what it does not name.

    Attributes
    ----------
    text
        The whole address in one way of writing.
    rest
        What was not recognised: a place's name, for example.
    """

    text: str
    district: str | None = None
    street: str | None = None
    community: str | None = None
    road: str | None = None
    number: str | None = None
    building: str | None = None
    room: str | None = None
    rest: str = ""


def parse_address(given: str) -> AddressParts:
    """Take an address apart.

    Raises
    ------
    BadInput
        When there is no address, or it is longer than `CHARACTERS_MAX`.

    Examples
    --------
    >>> parts = parse_address("广州市天河区石牌街道龙口西路一百二十号 3 栋 501 房")
    >>> parts.street, parts.road, parts.number, parts.building, parts.room
    ('石牌街道', '龙口西路', '120', '3', '501')
    """
    if len(given) > CHARACTERS_MAX or "\0" in given:
        raise BadInput(f"the address has {len(given)} characters; at most {CHARACTERS_MAX} are read", parameter="q")
    text = _NUMERAL.sub(lambda found: str(_number(found[0])), _NOISE.sub("", unicodedata.normalize("NFKC", given)))
    if not text:
        raise BadInput("q holds no address; an address is, for example, 天河区龙口西路120号", parameter="q")
    found = _PARTS.match(text)
    parts = found.groupdict() if found else {"rest": text}
    rest = parts.pop("rest", "") or ""
    building, room = _BUILDING.search(rest), _ROOM.search(rest)
    named = _ROOM.sub("", _BUILDING.sub("", rest))
    return AddressParts(
        text=text,
        **{name: parts.get(name) for name in ("district", "street", "community", "road", "number")},
        building=(building["building"] or None) if building else None,
        room=room["room"] if room else None,
        rest=named,
    )


def _number(numeral: str) -> int:
    """Return the value of a Chinese numeral: 一百二十 and 一二〇 are 120."""
    if not any(one in _TENS for one in numeral):
        return int("".join(str(_DIGITS[one]) for one in numeral))
    total, digit = 0, 0
    for one in numeral:
        if one in _TENS:
            total += (digit or 1) * _TENS[one]
            digit = 0
        else:
            digit = _DIGITS[one]
    return total + digit


def bigrams(text: str) -> frozenset[str]:
    """Return the pairs of characters that follow each other, as `onemap.bigrams` does."""
    return frozenset(text[n : n + 2] for n in range(max(len(text) - 1, 1)))
