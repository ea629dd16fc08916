"""Redaction of free text: numbers of phones, identity cards and bank cards, plates, and names.

Each is replaced by a word for its kind. The same text always gives the same result, and a redacted text stays as it is.
A word that may be a name is replaced: a text that reads less well harms nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable

PHONE, IDENTITY, CARD, NUMBER, PLATE, NAME = "[电话]", "[身份证号]", "[银行卡号]", "[号码]", "[车牌]", "某"

_D = r"[0-9０-９]"
_ANY_D = "0-9０-９"
_GAP = r"[ \t\u00a0\u3000\-‐‑–—－_.·]"
_ALONE = rf"(?<![{_ANY_D}])"
_END = rf"(?![{_ANY_D}])"
_RUN = re.compile(rf"{_D}{{11,}}[XxＸｘ]?")
_IDENTITY = re.compile(rf"{_ALONE}{_D}{{6}}{_GAP}?{_D}{{8}}{_GAP}?{_D}{{3}}{_GAP}?(?:{_D}|[XxＸｘ]){_END}")
_CARD = re.compile(rf"{_ALONE}{_D}{{4}}(?:{_GAP}{{1,2}}{_D}{{4}}){{2,3}}(?:{_GAP}{{1,2}}{_D}{{1,4}})?{_END}")
_MOBILE = re.compile(rf"{_ALONE}(?:[+＋]?[8８][6６]{_GAP}{{0,2}})?[1１]{_GAP}?[3-9３-９](?:{_GAP}?{_D}){{9}}{_END}")
_LANDLINE = re.compile(rf"{_ALONE}[0０]{_D}{{2,3}}[)）]?{_GAP}{{0,2}}[2-9２-９]{_D}{{2,3}}{_GAP}?{_D}{{4}}{_END}")
_INSIDE_ID = re.compile(r"[A-Za-z][0-9]{4,}-\Z")
_UNUSUAL = re.compile(r"[0-9]{2}-[0-9]{9}")
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
_LETTER, _SIGN = "A-Za-zＡ-Ｚａ-ｚ", "A-Za-zＡ-Ｚａ-ｚ0-9０-９"
_PLATE = re.compile(rf"[{_PROVINCES}]\s?[{_LETTER}]{_GAP}?[{_SIGN}]{{4}}[{_SIGN}挂学警港澳领]{{1,2}}(?![{_SIGN}])")

_DOUBLE = "欧阳|司马|上官|诸葛|司徒|东方|皇甫|尉迟|公孙|慕容|令狐|端木|长孙|宇文|夏侯|南宫|欧陽"
_SINGLE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂"
    "章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶"
    "解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎"
    "甄丛仲虞敖巩明佘池查麻苑迟邝區陳張劉黃趙吳許鄭謝馮鄧蕭葉蘇呂盧鍾譚陸範賈韋鄒"
)
_SURNAME = rf"(?:{_DOUBLE}|[{_SINGLE}])"
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_TITLES = "先生|女士|小姐|太太|夫人|大爷|大妈|阿姨|师傅|同志|老师"
_GIVEN = rf"(?:(?!某|先生|女士|小姐)[{_HAN}·])"  # 某 is no name: it replaces one
_BEFORE = re.compile(rf"(?:{_SURNAME}{_GIVEN}{{0,2}}?|[A-Za-z][A-Za-z .'-]{{0,30}}?)(?=(?:{_TITLES}))")
_SEPARATOR = r"[\s:：,，、(（“\"]*"
_AFTER = re.compile(rf"(?<!某)((?:先生|女士|小姐){_SEPARATOR})({_SURNAME}{_GIVEN}{{1,2}})")
_LABELS = "姓名|联系人|来电人|投诉人|报案人|举报人|反映人|当事人|申请人|户主|业主|本人叫|我叫"
_LABELLED = re.compile(rf"((?:{_LABELS})(?:是|为|叫)?[\s:：]*)({_SURNAME}{_GIVEN}{{1,2}})")


def redact(text: str) -> str:
    """Replace personal details in a text.

    Parameters
    ----------
    text
        As a person wrote or dictated it. Full-width digits and numbers in groups are recognised.

    Returns
    -------
    str
        The text with a word in place of each number, plate and name, and without a run of eleven or more digits. Empty
        for an empty text.

    Examples
    --------
    >>> redact("王小明先生，电话138 0013 8000，车牌粤A12345")
    '某先生，电话[电话]，车牌[车牌]'
    """
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    return text


def _mobile(found: re.Match[str]) -> str:
    """Keep the end of an identifier, such as the 14-155717602 of E440106-14-155717602: no phone is written so."""
    return found[0] if _INSIDE_ID.search(found.string[: found.start()]) and _UNUSUAL.fullmatch(found[0]) else PHONE


def _run(found: re.Match[str]) -> str:
    """Return the word for a run of digits by its length; eleven digits and more always identify a person."""
    digits = found[0].translate(_TO_ASCII)
    if re.fullmatch(r"(?:86)?1[3-9][0-9]{9}", digits):
        return PHONE
    if re.fullmatch(r"[1-9][0-9]{16}[0-9Xx]", digits):
        return IDENTITY
    return CARD if 13 <= len(digits) <= 19 and digits.isdigit() and digits[0] in "3456" else NUMBER


_TO_ASCII = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789Xx")
type _Replacement = str | Callable[[re.Match[str]], str]
_STEPS: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (_LABELLED, rf"\1{NAME}"),
    (_BEFORE, NAME),
    (_AFTER, rf"\1{NAME}"),
    (_IDENTITY, IDENTITY),
    (_CARD, CARD),
    (_MOBILE, _mobile),
    (_LANDLINE, PHONE),
    (_RUN, _run),
    (_PLATE, PLATE),
)
