"""The canonical envelope: CloudEvents 1.0 whose `data` is an event, an observation, a position or a feature change.

Every connector converts into it, so that these checks hold for every feed. The published schemas are in `schemas/`;
other attributes are allowed and ignored. Beside those of CloudEvents there are three:

`version`    counts the versions of one id, from 1; (source, id, version) is the identity of a message.
`senttime`   the time it was sent; `time` is the time it happened.
`mode`       ``exercise`` and ``test`` never reach the live map; ``actual`` when absent.

No function here reads the clock: callers pass `now`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import orjson

from layers.live_source import EVENTS
from twin.envelope.fast_path import TimeCache, read_fast, remember
from twin.envelope.kinds import READ
from twin.envelope.message import KINDS, MODES, Message, MessageKind, Reading
from twin.envelope.refused import Reason, Refusal, Refused, raw_of, shown
from twin.envelope.times import moment
from twin.envelope.values import IDENTIFIER, of_form, one_line, whole

MESSAGE_BYTES_MAX = 1024 * 1024
BODY_BYTES_MAX = 8 * 1024 * 1024  # of a batch or of lines
BATCH_MESSAGES_MAX = 20_000
SUSPECT_AFTER = timedelta(minutes=5)
STRUCTURED, BATCH, LINES = "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"
_ID, _SOURCE = one_line(200), of_form(r"[!-~\u00a1-\uffff]{1,200}", "a URI of 1 to 200 characters without spaces")
_VERSION, _MODES = whole(1, 2**31 - 1), frozenset(MODES)
_TYPE = re.compile(  # the first segment that is the name of a kind
    r"(?:(?!(?:event|observation|position)\.)[a-z][a-z0-9-]{0,62}\.){1,8}"
    rf"({'|'.join(KINDS)})(?:\.[a-z][a-z0-9_-]{{0,62}}){{0,4}}"
)
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.-]{1,60}\+)?json(?: *;[ -~]{0,100})?")
_SINGULAR = {"iot_device": "iot_devices", "video_point": "video_points", "vehicle": "vehicles", "event": "events"}
_SINGULAR |= {"grid_worker": "grid_workers", "water_level_station": "water_level_stations", "rain_gauge": "rain_gauges"}


def read_structured(given: Any, *, now: datetime) -> Message:
    """Return the message of a CloudEvent in structured mode, decoded from JSON.

    Parameters
    ----------
    given
        The result of `orjson.loads`; it is not changed.
    now
        The present, in UTC: a message from the future is marked `suspect`.

    Raises
    ------
    Refused
        When it is not an envelope, or its data is not of its kind.
    """
    return _read(given, now + SUSPECT_AFTER)


def read_batch(body: bytes, *, now: datetime) -> Reading:
    """Read a JSON array of CloudEvents; a bad one does not stop the others.

    Raises
    ------
    Refused
        When the body as a whole is too large, not JSON, or not an array of at most `BATCH_MESSAGES_MAX`.
    """
    given = decode_json(body, BODY_BYTES_MAX)
    if type(given) is not list:
        raise Refused(Reason.WRONG_TYPE, f"a batch is a JSON array; this is {shown(given)}")
    if len(given) > BATCH_MESSAGES_MAX:
        raise Refused(Reason.TOO_MANY, f"a batch of {len(given)} messages; at most {BATCH_MESSAGES_MAX}")
    return read_all(given, now=now)


def read_all(given: list[Any], *, now: datetime) -> Reading:
    """Read CloudEvents that are decoded from JSON; bad ones are in the reading, with their reasons."""
    latest, times, reading = now + SUSPECT_AFTER, TimeCache(), Reading()
    for index, one in enumerate(given):
        try:
            reading.messages.append(read_fast(one, latest, times) or _read_and_remember(one, latest))
        except Refused as error:
            reading.refused.append(Refusal.of(index, error, raw_of(one)))
    return reading


def read_lines(body: bytes, *, now: datetime) -> Reading:
    """Read NDJSON: one CloudEvent a line, empty lines skipped; a bad line does not stop the others.

    Raises
    ------
    Refused
        When the body as a whole is too large or has too many lines.
    """
    latest, times, reading = now + SUSPECT_AFTER, TimeCache(), Reading()
    for index, line in json_lines(body):
        try:
            one = decode_json(line, MESSAGE_BYTES_MAX)
            reading.messages.append(read_fast(one, latest, times) or _read_and_remember(one, latest))
        except Refused as error:
            reading.refused.append(Refusal.of(index, error, line))
    return reading


def json_lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a body with their numbers, from 0; empty lines are left out.

    Raises
    ------
    Refused
        When the body is too large or has too many lines.
    """
    _limit(body, BODY_BYTES_MAX)
    lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if len(lines) > BATCH_MESSAGES_MAX + 1:
        raise Refused(Reason.TOO_MANY, f"{len(lines)} lines; at most {BATCH_MESSAGES_MAX}")
    return ((index, line) for index, line in enumerate(lines) if line.strip())


def _structured(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return a message of binary mode in structured mode."""
    lower = {name.lower(): value for name, value in headers.items()}
    given: dict[str, Any] = {n[3:]: unquote(v, errors="replace") for n, v in lower.items() if n.startswith("ce-")}
    if (version := given.get("version")) is not None:
        given["version"] = int(version) if version.isascii() and version.isdigit() and len(version) < 12 else version
    if "content-type" in lower:
        given["datacontenttype"] = lower["content-type"]
    given["data"] = decode_json(body, MESSAGE_BYTES_MAX)
    return given


def read_body(headers: Mapping[str, str], body: bytes, *, now: datetime) -> Reading:
    """Read a body of the mode that its content type names.

    Raises
    ------
    Refused
        When the body as a whole cannot be read, or its content type is not one of CloudEvents.
    """
    media = next((v for n, v in headers.items() if n.lower() == "content-type"), "").partition(";")[0].strip().lower()
    if media == BATCH:
        return read_batch(body, now=now)
    if media in {LINES, "application/jsonl"}:
        return read_lines(body, now=now)
    if media == STRUCTURED:
        return read_all([decode_json(body, MESSAGE_BYTES_MAX)], now=now)
    if any(name.lower() == "ce-specversion" for name in headers):
        return read_all([_structured(headers, body)], now=now)
    allowed = f"{STRUCTURED}, {BATCH}, {LINES}, or application/json with ce- headers"
    raise Refused(Reason.CONTENT_TYPE, f"content type {shown(media)}; allowed are {allowed}", parameter="Content-Type")


def decode_json(body: bytes, bytes_max: int = MESSAGE_BYTES_MAX) -> Any:
    """Return decoded JSON of a limited size.

    Raises
    ------
    Refused
        When it is too large or not JSON; NaN, lone surrogates and endless nesting are not JSON.
    """
    _limit(body, bytes_max)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(Reason.NOT_JSON, f"not JSON: {error}") from error


def _limit(body: bytes, bytes_max: int) -> None:
    if len(body) > bytes_max:
        raise Refused(Reason.TOO_LARGE, f"{len(body)} bytes; at most {bytes_max}")


def _read_and_remember(given: Any, latest: datetime) -> Message:
    """Read a message, and cache its values for the fast path."""
    message = _read(given, latest)
    remember(given, message)
    return message


def _read(given: Any, latest: datetime) -> Message:
    if type(given) is not dict:
        raise Refused(Reason.WRONG_TYPE, f"a message is a JSON object; this is {shown(given)}")
    get = given.get
    if get("specversion") != "1.0":
        raise Refused(
            Reason.MISSING, f"specversion is {shown(get('specversion'))}; needed is '1.0'", parameter="specversion"
        )
    name, source, kind_name, data = get("id"), get("source"), get("type"), get("data")
    if not (type(name) is str and 0 < len(name) <= 200 and name.isascii() and name.isprintable()):
        name = _ID(name, "id")
    source = _checked_source(source) if type(source) is str else _SOURCE(source, "source")
    kind = _kind(kind_name) if type(kind_name) is str else _no_kind(kind_name)
    layer, feature_id = _subject(get("subject"), kind, name)
    time = moment(get("time"), "time")
    version, sent, mode, media = get("version"), get("senttime"), get("mode"), get("datacontenttype")
    if version is not None and not (type(version) is int and 0 < version < 2147483648):
        version = _VERSION(version, "version")
    if mode is not None and (type(mode) is not str or mode not in _MODES):
        raise Refused(Reason.BAD_TEXT, f"mode is {shown(mode)}; allowed are {', '.join(MODES)}", parameter="mode")
    if media is not None and media != "application/json":
        _media(media)
    if type(data) is not dict:
        raise Refused(Reason.WRONG_TYPE, f"data is {shown(data)}; needed is an object", parameter="data")
    if sent is not None:
        sent = moment(sent, "senttime")
    head = (kind, source, name, version or 1, kind_name, layer, feature_id, time, sent, mode or "actual", time > latest)
    return tuple.__new__(Message, (*head, *READ[kind](data)))


@lru_cache(1024)
def _checked_source(source: str) -> str:
    checked: str = _SOURCE(source, "source")
    return checked


@lru_cache(1024)
def _kind(name: str) -> MessageKind:
    found = _TYPE.fullmatch(name)
    if found is None or len(name) > 200:
        return _no_kind(name)
    kind: MessageKind = next(k for k in KINDS if k == found[1])
    return kind


def _no_kind(name: Any) -> MessageKind:
    allowed = f"a type such as cn.gov.district.event.hotline.created, with one of {', '.join(KINDS)}"
    raise Refused(
        Reason.MISSING if name is None else Reason.UNKNOWN_KIND,
        f"type is {shown(name)}; needed is {allowed}",
        parameter="type",
    )


@lru_cache(1024)
def _layer(name: str) -> str:
    if IDENTIFIER.fullmatch(name):
        return _SINGULAR.get(name, name)
    raise Refused(Reason.BAD_TEXT, f"subject names the layer {shown(name)}; needed is layer/id", parameter="subject")


def _subject(subject: Any, kind: MessageKind, name: str) -> tuple[str, str]:
    if subject is None and kind == "event":
        return EVENTS, name
    if type(subject) is not str:
        raise Refused(
            Reason.MISSING if subject is None else Reason.WRONG_TYPE,
            f"subject is {shown(subject)}; needed is layer/id, for example vehicles/V-12",
            parameter="subject",
        )
    layer, _, feature_id = subject.partition("/")
    if not (0 < len(feature_id) <= 200 and feature_id.isascii() and feature_id.isprintable()):
        _ID(feature_id, "subject")
    return _layer(layer), feature_id


def _media(media: Any) -> None:
    if type(media) is not str or not _JSON_TYPE.fullmatch(media):
        raise Refused(
            Reason.CONTENT_TYPE, f"datacontenttype is {shown(media)}; needed is JSON", parameter="datacontenttype"
        )
