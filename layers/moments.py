"""Dates and times as they are written in China, made into moments."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

LOCAL_OFFSET_S = 8 * 3600  # a time without an offset is China Standard Time
_MOMENT = (
    r"^(?P<y>[1-9]\d{3})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})日?"
    r"(?:[T ]+(?P<H>\d{1,2})[:时](?P<M>\d{1,2})(?:[:分](?P<S>\d{1,2})(?:\.(?P<f>\d{1,9}))?秒?)?分?)?"
    r"\s*(?P<z>Z|z|[+-]\d{2}:?\d{2})?$"
)
_COMPACT = r"^(\d{4})(\d{2})(\d{2})$"


def moments(text: pa.Array, *, local: bool) -> pa.Array:
    """Read texts as moments, for example ``2026/6/8 8:05``, ``2026年6月8日`` or RFC 3339.

    Parameters
    ----------
    text
        Texts; null and what is no moment become null.
    local
        Whether to give UTC moments, taking a text without an offset as China Standard Time. Otherwise they are what
        the clock on the wall showed.
    """
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), _COMPACT, r"\1-\2-\3")
    parts = pc.extract_regex(text, _MOMENT)
    part = {name: pc.struct_field(parts, name) for name in ("y", "m", "d", "H", "M", "S", "f", "z")}

    def padded(name: str, width: int = 2) -> pa.Array:
        filled = pc.fill_null(part[name], "0")
        return pc.utf8_lpad(pc.if_else(pc.equal(filled, ""), "0", filled), width=width, padding="0")

    written = pc.binary_join_element_wise(
        part["y"], padded("m"), padded("d"), padded("H"), padded("M"), padded("S"), "-"
    )
    made = pc.strptime(written, format="%Y-%m-%d-%H-%M-%S", unit="us", error_is_null=True)
    there = pc.equal(pc.cast(pc.day(made), pa.string()), pc.utf8_ltrim(padded("d"), characters="0"))
    made = pc.if_else(there, made, pa.scalar(None, made.type))  # the 30th of February is not the 2nd of March
    fraction = pc.cast(pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(part["f"], ""), 6, "0"), 0, 6), pa.int64())
    made = pc.add(made, pc.cast(fraction, pa.duration("us")))
    return as_utc(made, part["z"]) if local else made


def as_utc(naive: pa.Array, zone: pa.Array | None = None) -> pa.Array:
    """Take off the offset that was written, China's where none was."""
    offset_s = pa.scalar(LOCAL_OFFSET_S, pa.int64())
    if zone is not None:
        given = pc.and_(zone.is_valid(), pc.not_equal(pc.fill_null(zone, ""), ""))
        digits = pc.replace_substring(pc.if_else(pc.match_substring_regex(zone, "^[+-]"), zone, "+0000"), ":", "")
        hours = pc.cast(pc.utf8_slice_codeunits(digits, 1, 3), pa.int64())
        minutes = pc.cast(pc.utf8_slice_codeunits(digits, 3, 5), pa.int64())
        sign = pc.if_else(pc.starts_with(digits, "-"), -1, 1)
        written_s = pc.multiply(sign, pc.add(pc.multiply(hours, 3600), pc.multiply(minutes, 60)))
        offset_s = pc.if_else(given, written_s, offset_s)
    shift = pc.cast(pc.multiply(offset_s, 1_000_000), pa.duration("us"))
    return pc.cast(pc.subtract(naive, shift), pa.timestamp("us")).cast(pa.int64()).cast(pa.timestamp("us", "UTC"))


def wall_clock(utc_moments: pa.Array) -> pa.Array:
    """Give what the clock on the wall in China showed at a moment."""
    utc = pc.cast(utc_moments, pa.timestamp("us", "UTC")).cast(pa.int64())
    return pc.add(utc, LOCAL_OFFSET_S * 1_000_000).cast(pa.timestamp("us"))
