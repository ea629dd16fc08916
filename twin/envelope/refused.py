"""Why a message of a feed is not taken: one exception with a reason a machine can count."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from layers.errors import BadInput

_SHOWN_CHARACTERS_MAX = 80


class Reason(StrEnum):
    """Reasons of refusal, as they stand in the quarantine and in the counters of a feed."""

    NOT_JSON = "not_json"
    NOT_XML = "not_xml"
    XML_DECLARATIONS = "xml_declarations"  # a DTD, and with it entities
    ENDED_THE_READER = "ended_the_reader"  # a dropped file, while which was read the program was killed
    NOT_A_TABLE = "not_a_table"
    BAD_ENCODING = "bad_encoding"
    BAD_FRAME = "bad_frame"  # JT/T 808: length, escapes, an encrypted or unknown body
    BAD_CHECKSUM = "bad_checksum"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    TOO_DEEP = "too_deep"
    TOO_LONG = "too_long"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_CODE = "unknown_code"
    BAD_TEXT = "bad_text"  # control characters, or not of the form that is asked for
    BAD_TIME = "bad_time"
    TOO_OLD = "too_old"  # older than what is kept
    OUT_OF_RANGE = "out_of_range"
    CONTENT_TYPE = "content_type"
    WRONG_SOURCE = "wrong_source"  # a feed writes its own source only
    KIND_NOT_ALLOWED = "kind_not_allowed"
    NOT_SUPPLIED = "not_supplied"  # a layer this feed does not supply
    UNKNOWN_TERMINAL = "unknown_terminal"  # JT/T 808: no feature has this number
    UNKNOWN_FEATURE = "unknown_feature"  # what it is about is not there
    NOT_WRITTEN = "not_written"  # the database refuses a value of it
    ZERO = "zero"  # a place at 0, 0: it was never measured
    SWAPPED = "swapped"  # longitude and latitude are exchanged
    OUTSIDE_DISTRICT = "outside_district"
    NO_SIGNATURE = "no_signature"
    BAD_SIGNATURE = "bad_signature"
    SIGNATURE_TIME = "signature_time"  # signed too long ago, or in the future
    NONCE_USED = "nonce_used"


class Refused(BadInput):
    """A message, or a whole body, that is not taken.

    Parameters
    ----------
    reason
        What the quarantine and the counters call it.
    message
        One sentence for a person: what was given and what is allowed.
    parameter
        The attribute or field that was wrong, when there is one.
    """

    def __init__(self, reason: Reason, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message, parameter=parameter)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """One message of a body that was refused while its neighbours were taken.

    Attributes
    ----------
    index
        Its place in the body, from 0; for a table the line of the file, from 1.
    raw
        The message as it came, so that it can be looked at and taken again.
    canonical
        `raw` is written as we write a message, in CRS84: it had been read before it was refused.
    subject
        The layer and the id of the feature that is not there; None when that is not why.
    """

    index: int
    reason: Reason
    detail: str
    raw: bytes
    canonical: bool = False
    subject: tuple[str, str] | None = None

    @classmethod
    def of(cls, index: int, error: Refused, raw: bytes) -> Refusal:
        """Keep a refusal together with what it refused."""
        return cls(index, error.reason, error.message, raw)


def raw_of(value: Any) -> bytes:
    """Write what a sender's JSON was, to be kept; of what is nested beyond reason only that it was."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # orjson reads deeper than it writes
        return orjson.dumps(f"not kept: {shown(value)}, nested too deep to be written")


def shown(value: Any) -> str:
    """Show a stranger's value in a message, shortened; never more than a line."""
    if isinstance(value, dict | list):  # its size is not known, so it is not written out
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value[:_SHOWN_CHARACTERS_MAX] if isinstance(value, str | bytes) else value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
