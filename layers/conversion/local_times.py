"""Dates and times in the forms used in China, parsed to moments."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

LOCAL_OFFSET_S = 8 * 3600  # a time without an offset is China Standard Time
DAY_S = 86_400
_ZONE = r"(?P<z>Z|z|[+-](?:[01]?\d|2[0-3])(?::?[0-5]\d)?)"
_ZONE_OF_DAY = r"(?P<zd>Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)"  # 2026-06-08-08 is a code, no day with an offset
_MOMENT = (
    r"^(?P<y>[1-9]\d{3})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})日?"
    r"(?:[Tt\s]*(?P<h>上午|下午|[Tt\s])\s*(?P<H>\d{1,2})[:时](?P<M>\d{1,2})"
    r"(?:[:分](?P<S>\d{1,2})(?:\.(?P<f>\d{1,9}))?秒?)?分?"
    rf"\s*{_ZONE}?|\s*{_ZONE_OF_DAY})?$"
)
_COMPACT = r"^(\d{4})(\d{2})(\d{2})(?:([Tt])(\d{2}):?(\d{2}):?(\d{2})(.*))?$"
_SPREAD = r"\1-\2-\3\4\5:\6:\7\8"
_PARTS = ("y", "m", "d", "h", "H", "M", "S", "f", "z", "zd")


def parse_local_times(text: pa.Array, *, local: bool) -> pa.Array:
    """Parse texts to moments, for example ``2026/6/8 8:05``, ``2026年6月8日 下午3:05`` or RFC 3339.

    Parameters
    ----------
    text
        Texts; null and texts that are no moment become null. ``24:00:00`` is the midnight that ends the day, the
        second 60 (a leap second, which timestamps have not) the first of the next minute.
    local
        Whether to return UTC moments, where a text without an offset is China Standard Time. Otherwise the moments
        are the written time of day, without its offset.
    """
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), _COMPACT, _SPREAD)
    text = pc.replace_substring_regex(text, "::$", "")  # a compact date alone has no time
    parts = pc.extract_regex(text, _MOMENT)
    part = {name: pc.struct_field(parts, name) for name in _PARTS}
    day = _day(part)
    made = pc.add(day, pc.multiply(pa.scalar(1, pa.duration("us")), pc.multiply(_seconds(part), 1_000_000)))
    fraction = pc.cast(pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(part["f"], ""), 6, "0"), 0, 6), pa.int64())
    made = pc.add(made, pc.cast(fraction, pa.duration("us")))
    zone = pc.if_else(pc.equal(pc.fill_null(part["zd"], ""), ""), part["z"], part["zd"])
    return as_utc(made, zone) if local else made


def _day(part: dict[str, pa.Array]) -> pa.Array:
    """Return the first midnight of a day; null for a day that does not exist."""
    padded = {name: pc.utf8_lpad(part[name], width=2, padding="0") for name in ("m", "d")}
    written = pc.binary_join_element_wise(part["y"], padded["m"], padded["d"], "-")
    day = pc.strptime(written, format="%Y-%m-%d", unit="us", error_is_null=True)
    there = pc.equal(pc.day(day), pc.cast(part["d"], pa.int64()))
    return pc.if_else(there, day, pa.scalar(None, day.type))  # the 30th of February is not the 2nd of March


def _seconds(part: dict[str, pa.Array]) -> pa.Array:
    """Return the seconds since midnight; null for a time that does not exist."""
    hour, minute, second = (_whole(part[name]) for name in ("H", "M", "S"))
    twelve = pc.if_else(pc.equal(hour, 12), 0, hour)  # 上午12:30 is half past midnight
    half = pc.fill_null(part["h"], "")
    hour = pc.if_else(pc.equal(half, "上午"), twelve, hour)
    hour = pc.if_else(pc.and_(pc.equal(half, "下午"), pc.less(hour, 13)), pc.add(twelve, 12), hour)
    of_day = pc.add(pc.add(pc.multiply(hour, 3600), pc.multiply(minute, 60)), second)
    on_clock = pc.and_(pc.less(hour, 24), pc.and_(pc.less(minute, 60), pc.less(second, 60)))
    leap = pc.and_(pc.less(hour, 24), pc.and_(pc.equal(minute, 59), pc.equal(second, 60)))
    shown = pc.or_(pc.or_(on_clock, leap), pc.equal(of_day, DAY_S))
    return pc.if_else(shown, of_day, pa.scalar(None, pa.int64()))


def _whole(digits: pa.Array) -> pa.Array:
    filled = pc.fill_null(digits, "0")
    return pc.cast(pc.if_else(pc.equal(filled, ""), "0", filled), pa.int64())


def as_utc(naive: pa.Array, zone: pa.Array | None = None) -> pa.Array:
    """Return moments in UTC, from the written offset (``Z``, ``+08``, ``+8:00``, ``+0800``) or China's."""
    offset_s = pa.scalar(LOCAL_OFFSET_S, pa.int64())
    if zone is not None:
        has_zone = pc.and_(zone.is_valid(), pc.not_equal(pc.fill_null(zone, ""), ""))
        digits = pc.replace_substring(pc.if_else(pc.match_substring_regex(zone, "^[+-]"), zone, "+0000"), ":", "")
        sign = pc.if_else(pc.starts_with(digits, "-"), -1, 1)
        digits = pc.utf8_slice_codeunits(digits, 1)
        digits = pc.if_else(pc.less(pc.utf8_length(digits), 3), pc.binary_join_element_wise(digits, "00", ""), digits)
        digits = pc.utf8_lpad(digits, width=4, padding="0")
        hours = pc.cast(pc.utf8_slice_codeunits(digits, 0, 2), pa.int64())
        minutes = pc.cast(pc.utf8_slice_codeunits(digits, 2, 4), pa.int64())
        written_s = pc.multiply(sign, pc.add(pc.multiply(hours, 3600), pc.multiply(minutes, 60)))
        offset_s = pc.if_else(has_zone, written_s, offset_s)
    shift = pc.cast(pc.multiply(offset_s, 1_000_000), pa.duration("us"))
    return pc.cast(pc.subtract(naive, shift), pa.timestamp("us")).cast(pa.int64()).cast(pa.timestamp("us", "UTC"))


def wall_clock(utc_moments: pa.Array) -> pa.Array:
    """Return the China Standard Time of moments in UTC, without an offset."""
    utc = pc.cast(utc_moments, pa.timestamp("us", "UTC")).cast(pa.int64())
    return pc.add(utc, LOCAL_OFFSET_S * 1_000_000).cast(pa.timestamp("us"))
