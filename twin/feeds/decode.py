"""Deliveries of feeds made into messages: the one step between a connector and the pipeline.

Every format becomes canonical envelopes, which are read and checked alike. Then the feed's limits apply (its kinds, its
collections, its source), and coordinates are converted from its datum to CRS84.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from twin.envelope.message import Message, Reading
from twin.envelope.place import SHIFTED, to_crs84
from twin.envelope.read import BATCH_MESSAGES_MAX, BODY_BYTES_MAX, decode_json, json_lines, read_body, read_structured
from twin.envelope.refused import Reason, Refusal, Refused, raw_of, shown
from twin.envelope.write import write_structured
from twin.feeds import cap, jt808, ngsi, sensorthings, table
from twin.feeds.definition import FeedDefinition, FeedFormat
from twin.feeds.rule import look, steps

type Envelopes = list[tuple[dict[str, Any], str | None]]  # each with its datum, None for the feed's
type Record = tuple[int, bytes, Callable[[], Envelopes]]  # its index, its bytes, and the function that reads it

_CRS84 = "WGS84"
_TOPIC = "$topic"  # the field of a refused record that keeps its MQTT topic
_FILE, _WRITTEN = "$file", "$written"  # the fields of a refused row that keep the name and time of its file


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bytes as they were received.

    Attributes
    ----------
    headers
        Of an HTTP request.
    topic
        Of an MQTT message.
    file_name
        Of a file that was dropped.
    terminals
        Of JT/T 808: feature by number of the terminal; None means that the number is the feature.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    topic: str | None = None
    file_name: str = ""
    terminals: Mapping[str, str] | None = None


def decode(definition: FeedDefinition, delivery: Delivery, *, now: datetime) -> Reading:
    """Read a delivery of a feed.

    Returns
    -------
    Reading
        Messages in CRS84, refused ones with reason and bytes, and the number of those of no interest.

    Raises
    ------
    Refused
        When the delivery as a whole cannot be read; nothing of it is taken.
    """
    if definition.format == "cloudevents":
        return _own_envelopes(definition, read_body(delivery.headers, delivery.body, now=now))
    records, refused = _RECORDS[definition.format](definition, delivery)
    reading, crs = Reading(refused=refused), list[str]()
    for record in records:
        _read_record(definition, reading, crs, record, now)
    reading.messages = to_crs84(reading.messages, crs)
    return reading


def decode_rows(
    definition: FeedDefinition,
    rows: Iterable[table.TableRow | Refusal],
    *,
    now: datetime,
    file_name: str = "",
    written_at: datetime | None = None,
) -> Reading:
    """Read some rows of a table (`table.each_row`): one part of a large file.

    Parameters
    ----------
    file_name, written_at
        Values of ``$file`` and ``$written`` in rules, beside ``$line``.
    """
    beside = {_FILE: file_name, **({_WRITTEN: written_at.isoformat()} if written_at else {})} if file_name else {}
    reading, crs = Reading(), list[str]()
    for row in rows:
        if isinstance(row, Refusal):
            reading.refused.append(row)
        else:
            _read_record(definition, reading, crs, _row(definition, row, beside), now)
    reading.messages = to_crs84(reading.messages, crs)
    return reading


def decode_again(definition: FeedDefinition, raw: bytes, *, now: datetime, canonical: bool = False) -> Reading:
    """Read a refused message again, after the feed's file or the record was repaired.

    Parameters
    ----------
    raw
        The bytes of a `Refusal`, or a person's correction of them.
    canonical
        Whether `raw` is a canonical message in CRS84, not one of the feed's format and datum (`Refusal.canonical`).

    Raises
    ------
    Refused
        When it still cannot be read.
    """
    if definition.format in {"cap", "jt808", "ngsi", "sensorthings"} and not canonical:
        return decode(definition, Delivery(raw), now=now)
    record = decode_json(raw)
    beside: dict[str, Any] = {}
    if type(record) is dict:
        beside = {name[1:]: record.pop(name) for name in (_TOPIC, _FILE, _WRITTEN) if type(record.get(name)) is str}
    if "topic" in beside:
        beside["topic"] = beside["topic"].split("/")
    again: Record = (0, raw, partial(_map_record, definition, beside, record))
    if canonical or definition.format == "cloudevents":
        again = (0, raw, lambda: [(record, _CRS84 if canonical else None)])
    reading, crs = Reading(), list[str]()
    _read_record(definition, reading, crs, again, now)
    reading.messages = to_crs84(reading.messages, crs)
    return reading


def _read_record(definition: FeedDefinition, reading: Reading, crs: list[str], record: Record, now: datetime) -> None:
    """Read the messages of one record, all of them or none."""
    index, raw, make = record
    try:
        made = make()
        messages = [read_structured(envelope, now=now) for envelope, _ in made]
        for message in messages:
            _check_limits(definition, message)
    except Refused as error:
        reading.refused.append(Refusal.of(index, error, raw))
        return
    reading.ignored += not messages
    reading.messages += messages
    reading.places.update((message.identity, index) for message in messages)
    crs += [datum or definition.crs_source for _, datum in made]


def _own_envelopes(definition: FeedDefinition, reading: Reading) -> Reading:
    """Apply the feed's limits and datum to messages that came as envelopes; a fast path without records."""
    kept: list[Message] = []
    source, kinds, supplies, every = definition.source, definition.kinds, definition.supplies, definition.exercises
    for index, message in enumerate(reading.messages):
        if (
            message.kind in kinds
            and message.layer in supplies
            and message.source == source
            and (every == "keep" or message.mode == "actual")
        ):
            kept.append(message)
            continue
        try:
            _check_limits(definition, message)
        except Refused as error:
            reading.refused.append(Refusal.of(index, error, raw_of(write_structured(message))))
    shifted = definition.crs_source in SHIFTED
    reading.messages = to_crs84(kept, [definition.crs_source] * len(kept)) if shifted else kept
    return reading


def _check_limits(definition: FeedDefinition, message: Message) -> None:
    """Raise Refused for a message that the feed may not send."""
    if message.kind not in definition.kinds:
        allowed = ", ".join(definition.kinds)
        raise Refused(Reason.KIND_NOT_ALLOWED, f"{definition.name} sends {allowed}, not {message.kind}")
    if message.layer not in definition.supplies:
        allowed = ", ".join(definition.supplies)
        raise Refused(Reason.NOT_SUPPLIED, f"{definition.name} supplies {allowed}, not {shown(message.layer)}")
    if message.source != definition.source:
        detail = f"{definition.name} writes as {definition.source}, not {shown(message.source)}"
        raise Refused(Reason.WRONG_SOURCE, detail, parameter="source")
    if message.mode != "actual" and definition.exercises == "refuse":
        raise Refused(Reason.KIND_NOT_ALLOWED, f"{definition.name} takes no message of mode {message.mode}")


def _map_record(definition: FeedDefinition, beside: dict[str, Any], record: Any) -> Envelopes:
    if type(record) is not dict:
        raise Refused(Reason.WRONG_TYPE, f"a record is an object; this is {shown(record)}")
    return [
        (mapping.envelope(record, beside, definition.source), mapping.crs_of(record, beside))
        for mapping in definition.mapping
        if mapping.when is None or mapping.when.holds(record, beside)
    ]


def _map_line(definition: FeedDefinition, beside: dict[str, Any], line: bytes) -> Envelopes:
    return _map_record(definition, beside, decode_json(line))


def _records(definition: FeedDefinition, delivery: Delivery) -> tuple[Iterable[Record], list[Refusal]]:
    """Read the sender's own JSON: one record, a list, a list at a path, or lines."""
    beside = {"topic": delivery.topic.split("/")} if delivery.topic else {}
    media = next((v for n, v in delivery.headers.items() if n.lower() == "content-type"), "")
    if media.startswith(("application/x-ndjson", "application/jsonl")):
        lines = json_lines(delivery.body)
        return [(i, line, partial(_map_line, definition, beside, line)) for i, line in lines], []
    decoded = decode_json(delivery.body, BODY_BYTES_MAX)
    found = decoded if definition.records is None else look(decoded, {}, steps(definition.records))
    if found is None:
        raise Refused(Reason.MISSING, f"the body has no {definition.records}", parameter=definition.records)
    records = found if type(found) is list else [found]
    if len(records) > BATCH_MESSAGES_MAX:
        raise Refused(Reason.TOO_MANY, f"{len(records)} records; at most {BATCH_MESSAGES_MAX}")
    return [
        (i, _with_topic(one, delivery.topic), partial(_map_record, definition, beside, one))
        for i, one in enumerate(records)
    ], []


def _with_topic(record: Any, topic: str | None) -> bytes:
    return raw_of({**record, _TOPIC: topic} if topic and type(record) is dict else record)


def _table(definition: FeedDefinition, delivery: Delivery) -> tuple[Iterable[Record], list[Refusal]]:
    rows, refused = table.read_rows(delivery.body, delivery.file_name, definition.connection.encoding)
    return [_row(definition, row, {}) for row in rows], refused


def _row(definition: FeedDefinition, row: table.TableRow, file: dict[str, str]) -> Record:
    line, fields = row
    beside = {"line": line, **{name[1:]: value for name, value in file.items()}}
    return line, raw_of({**fields, **file}), partial(_map_record, definition, beside, fields)


def _cap(definition: FeedDefinition, delivery: Delivery) -> tuple[Iterable[Record], list[Refusal]]:
    def make() -> Envelopes:
        return [(cap.envelope(cap.read_cap(delivery.body), definition.source), None)]

    return [(0, delivery.body, make)], []


def _sensorthings(definition: FeedDefinition, delivery: Delivery) -> tuple[Iterable[Record], list[Refusal]]:
    def make(one: dict[str, Any]) -> Envelopes:
        envelope = sensorthings.envelope(one, definition.datastreams, definition.source)
        return [] if envelope is None else [(envelope, None)]

    found = sensorthings.observations(decode_json(delivery.body), delivery.topic)
    return [(i, raw_of(one), partial(make, one)) for i, one in enumerate(found)], []


def _ngsi(definition: FeedDefinition, delivery: Delivery) -> tuple[Iterable[Record], list[Refusal]]:
    def make(entity: dict[str, Any], notified_at: Any) -> Envelopes:
        made = ngsi.envelopes(entity, notified_at, definition.entity_types, definition.source)
        return [(envelope, None) for envelope in made]

    found = ngsi.entities(decode_json(delivery.body))
    return [(i, ngsi.notification(e, at), partial(make, e, at)) for i, (e, at) in enumerate(found)], []


def _jt808(definition: FeedDefinition, delivery: Delivery) -> tuple[Iterable[Record], list[Refusal]]:
    """Read whole frames; the connection keeps the bytes after the last mark (`jt808.split_frames`)."""
    records: list[Record] = []
    refused: list[Refusal] = []
    for index, escaped in enumerate(jt808.split_frames(delivery.body)[0]):
        try:
            frame = jt808.read_frame(escaped)
            bodies, fault = jt808.locations(frame)
        except Refused as error:
            refused.append(Refusal.of(index, error, jt808.marked(escaped)))
            continue
        if fault is not None:
            refused.append(Refusal.of(index, fault, jt808.marked(escaped)))
        subject = partial(_subject_of, definition, frame.phone, delivery.terminals)
        records += [
            (index, jt808.marked(escaped), partial(_location_envelopes, definition, frame, b, subject)) for b in bodies
        ]
    return records, refused


def _location_envelopes(
    definition: FeedDefinition, frame: jt808.TerminalFrame, body: bytes, subject: Callable[[], Any]
) -> Envelopes:
    if not jt808.has_fix(body):
        return []
    return [(jt808.envelope(frame, jt808.read_location(body), definition.source, subject()), None)]


def _subject_of(definition: FeedDefinition, phone: str, known: Mapping[str, str] | None) -> Any:
    """Return the subject of a terminal: by the rule of the feed's file, else the feature that has its number."""
    if definition.subject is not None:
        return definition.subject.value({"phone": phone}, {}, "subject")
    if known is None:
        return f"{definition.supplies[0]}/{phone}"
    if phone not in known:
        detail = f"no feature of {definition.supplies[0]} has the terminal {shown(phone)} (sim_no)"
        raise Refused(Reason.UNKNOWN_TERMINAL, detail, parameter="phone")
    return f"{definition.supplies[0]}/{known[phone]}"


_RECORDS: dict[FeedFormat, Callable[[FeedDefinition, Delivery], tuple[Iterable[Record], list[Refusal]]]] = {
    "records": _records,
    "table": _table,
    "cap": _cap,
    "sensorthings": _sensorthings,
    "ngsi": _ngsi,
    "jt808": _jt808,
}
