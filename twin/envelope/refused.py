"""Refusal of a message of a feed: one exception with a reason that a machine can count."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from layers.errors import BadInput

_SHOWN_CHARACTERS_MAX = 80


class Reason(StrEnum):
    """Reasons of refusal, as in the quarantine and in the counters of a feed."""

    NOT_JSON = "not_json"
    NOT_XML = "not_xml"
    XML_DECLARATIONS = "xml_declarations"  # a DTD, and with it entities
    ENDED_THE_READER = "ended_the_reader"  # a dropped file during whose reading the program was killed
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
    BAD_TEXT = "bad_text"  # control characters, or another form than needed
    BAD_TIME = "bad_time"
    TOO_OLD = "too_old"  # older than what is kept
    OUT_OF_RANGE = "out_of_range"
    CONTENT_TYPE = "content_type"
    WRONG_SOURCE = "wrong_source"  # a feed writes its own source only
    KIND_NOT_ALLOWED = "kind_not_allowed"
    NOT_SUPPLIED = "not_supplied"  # a layer this feed does not supply
    UNKNOWN_TERMINAL = "unknown_terminal"  # JT/T 808: no feature has this number
    UNKNOWN_FEATURE = "unknown_feature"  # its feature does not exist
    NOT_WRITTEN = "not_written"  # the database refuses a value of it
    ZERO = "zero"  # a place at 0, 0: it was never measured
    SWAPPED = "swapped"  # longitude and latitude are exchanged
    OUTSIDE_DISTRICT = "outside_district"
    NO_SIGNATURE = "no_signature"
    BAD_SIGNATURE = "bad_signature"
    SIGNATURE_TIME = "signature_time"  # signed too long ago, or in the future
    NONCE_USED = "nonce_used"


class Refused(BadInput):
    """A message, or a whole body, cannot be taken.

    Parameters
    ----------
    reason
        The reason in the quarantine and in the counters.
    message
        One sentence for a person: the given value and the allowed ones.
    parameter
        The wrong attribute or field; None when there is no single one.
    """

    def __init__(self, reason: Reason, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message, parameter=parameter)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused message of a body; the others were taken.

    Attributes
    ----------
    index
        Its place in the body, from 0; in a table the line of the file, from 1.
    raw
        The message as it came, so that it can be read by a person and taken again.
    canonical
        Whether `raw` is in our own form, in CRS84, because the message was refused after it was read.
    subject
        The layer and the id of the missing feature; None for any other reason.
    """

    index: int
    reason: Reason
    detail: str
    raw: bytes
    canonical: bool = False
    subject: tuple[str, str] | None = None

    @classmethod
    def of(cls, index: int, error: Refused, raw: bytes) -> Refusal:
        """Return the refusal of a message by an error."""
        return cls(index, error.reason, error.message, raw)


def raw_of(value: Any) -> bytes:
    """Return a sender's JSON as bytes, to be kept; a value that is nested too deep is only named."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # orjson reads deeper than it writes
        return orjson.dumps(f"not kept: {shown(value)}, nested too deep to be written")


def shown(value: Any) -> str:
    """Return a sender's value for a message to a person, shortened to one line."""
    if isinstance(value, dict | list):  # its size is unknown
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value[:_SHOWN_CHARACTERS_MAX] if isinstance(value, str | bytes) else value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
