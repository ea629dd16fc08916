"""Numbers that identify a person: phones, identity and bank cards, passports, plates; in digits of every kind.

Patterns read a shadow of the text that has its length: full-width signs and digits in words (一三八, 壹叁捌) are plain
digits and letters in it, and marks between groups are hyphens. So one pattern finds every way to write a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

PHONE, IDENTITY, CARD, NUMBER, PLATE, DOCUMENT = "[电话]", "[身份证号]", "[银行卡号]", "[号码]", "[车牌]", "[证件号]"

type Replacement = str | Callable[[re.Match[str]], str]
type Steps = Sequence[tuple[re.Pattern[str], Replacement]]
"""Patterns over the shadow. What stands in a group `label` stays."""

_FIRST_DIGITS = (
    0xFF10,
    0x0660,
    0x06F0,
    0x0966,
    *range(0x1D7CE, 0x1D800, 10),
)  # full-width, Arabic, Hindi, mathematical
_DIGITS = {chr(first + value): str(value) for first in _FIRST_DIGITS for value in range(10)}
_CIRCLED = {chr(first + value): str(value + 1) for first in (0x2460, 0x2776) for value in range(9)} | {"⓪": "0"}
_WORDS = dict(zip("零〇一二三四五六七八九幺洞壹贰貳叁參肆伍陆陸柒捌玖", "0012345678910122334566789", strict=True))
_LETTERS = {chr(ord(c) + 0xFEE0): c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@+():"}
_MARKS = dict.fromkeys("\t\u00a0\u3000 ‐‑–—－_.·・•", "-")
SIGNS = str.maketrans({**_LETTERS, **_DIGITS, **_CIRCLED, **_WORDS})
"""Of a text to its shadow, with marks as they are."""
_PLAIN = str.maketrans({**_LETTERS, **_DIGITS, **_CIRCLED, **_MARKS})  # first: in 李四138… the 四 is a name
_IN_WORDS = str.maketrans({**_LETTERS, **_DIGITS, **_CIRCLED, **_WORDS, **_MARKS})

_WORDY = re.compile(rf"[{''.join(_WORDS)}](?:[^\n]{{0,2}}[0-9０-９{''.join(_WORDS)}]){{3}}")
_GAP = "-{0,2}"
_IS = r"(?:号码|号)?(?:是|为)?[-:]{0,3}"
_RUN = re.compile(r"[0-9]{11,}[Xx]?")
_IDENTITY = re.compile(rf"(?<![0-9])[0-9]{{6}}{_GAP}[0-9]{{8}}{_GAP}[0-9]{{3}}{_GAP}[0-9Xx](?![0-9])")
_CARD = re.compile(r"(?<![0-9])[0-9]{4}(?:-{1,2}[0-9]{4}){2,3}(?:-{1,2}[0-9]{1,4})?(?![0-9])")
_MOBILE = re.compile(rf"(?<![0-9])(?:\+?86{_GAP})?1{_GAP}[3-9](?:{_GAP}[0-9]){{9}}(?![0-9])")
_LANDLINE = re.compile(
    rf"(?<![0-9])(?:\(0[0-9]{{2,3}}\)|0[0-9]{{2,3}}\)?){_GAP}[2-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?![0-9])"
)
_SHORT_PHONE = re.compile(
    rf"(?P<label>(?:电话|座机|手机|联系方式|致电|拨打|[Tt]el|TEL){_IS})[2-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?![0-9])"
)
_ENDING = re.compile(r"(?P<label>(?:尾号|[后末][4六6]位)(?:数字)?(?:是|为)?[-:]{0,3})[0-9]{3,5}[0-9Xx](?![0-9])")
_INSIDE_ID = re.compile(r"[A-Za-z][0-9]{4,}-\Z")
_UNUSUAL = re.compile(r"[0-9]{2}-[0-9]{9}")
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
_PLATE = re.compile(rf"[{_PROVINCES}]-?[A-Za-z]-?[0-9A-Za-z]{{4}}[0-9A-Za-z挂学警港澳领]{{1,2}}(?![0-9A-Za-z])")
_SHORT_PLATE = re.compile(rf"(?P<label>(?:车牌|号牌|牌照|牌号){_IS})[A-Za-z]-?[0-9A-Za-z]{{5,6}}(?![0-9A-Za-z])")
_LONG = re.compile(rf"[0-9](?:{_GAP}[0-9]){{3}}|[{_PROVINCES}]-?[A-Za-z]|牌")  # without it there is no number to find
_PASSPORT = re.compile(r"(?<![0-9A-Za-z])(?:[EGHCMegm][0-9]{8}|[Ee][A-Za-z][0-9]{7})(?![0-9A-Za-z])")
_PAPERS = "护照|通行证|回乡证|台胞证|居留证|居住证|军官证|驾驶证|社保卡?|医保卡?|身份证|病历|住院|学籍|准考证"
_LABELLED_PAPER = re.compile(
    rf"(?P<label>(?:{_PAPERS}){_IS})(?=[A-Za-z]{{0,4}}[0-9]{{4}})[0-9A-Za-z]{{6,24}}(?![0-9A-Za-z])"
)


def redact_numbers(text: str) -> str:
    """Replace numbers, plates and papers in a text by a word for their kind."""
    text = replace_in_shadow(text, _PLAIN, _STEPS, _LONG)
    return replace_in_shadow(text, _IN_WORDS, _STEPS, _LONG) if _WORDY.search(text) else text


def replace_in_shadow(text: str, table: Mapping[int, str], steps: Steps, needed: re.Pattern[str]) -> str:
    """Replace what patterns find in the shadow of a text.

    Parameters
    ----------
    table
        Of single characters to single characters, so that places in text and shadow are the same.
    needed
        A text whose shadow does not have it stays; a look at it is cheaper than one at each pattern.
    """
    shadow = text.translate(table)
    if not needed.search(shadow):
        return text
    for pattern, replacement in steps:
        pieces, shadows, last = [], [], 0
        for found in pattern.finditer(shadow):
            start = found.end("label") if "label" in pattern.groupindex else found.start()
            word = replacement if isinstance(replacement, str) else replacement(found)
            pieces += [text[last:start], word or text[start : found.end()]]
            shadows += [shadow[last:start], word or shadow[start : found.end()]]
            last = found.end()
        if pieces:
            text, shadow = "".join(pieces) + text[last:], "".join(shadows) + shadow[last:]
    return text


def _mobile(found: re.Match[str]) -> str:
    """Keep the end of an identifier, such as the 14-155717602 of E440106-14-155717602: no phone is written so."""
    before = found.string[max(0, found.start() - 24) : found.start()]
    return "" if _INSIDE_ID.search(before) and _UNUSUAL.fullmatch(found[0]) else PHONE


def _run(found: re.Match[str]) -> str:
    """Return the word for a run of digits by its length; eleven digits and more always identify a person."""
    digits = found[0]
    if re.fullmatch(r"(?:86)?1[3-9][0-9]{9}", digits):
        return PHONE
    if re.fullmatch(r"[1-9][0-9]{16}[0-9Xx]", digits):
        return IDENTITY
    return CARD if 13 <= len(digits) <= 19 and digits.isdigit() and digits[0] in "3456" else NUMBER


_STEPS: Steps = (
    (_IDENTITY, IDENTITY),
    (_CARD, CARD),
    (_MOBILE, _mobile),
    (_LANDLINE, PHONE),
    (_RUN, _run),
    (_PLATE, PLATE),
    (_SHORT_PLATE, PLATE),
    (_PASSPORT, DOCUMENT),
    (_LABELLED_PAPER, DOCUMENT),
    (_SHORT_PHONE, PHONE),
    (_ENDING, NUMBER),
)
