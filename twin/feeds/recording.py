"""A recording: one CloudEvent a line, in the order of their times; cut into batches that are due together.

A replay moves the times: the first message is due at once, and the others follow at their distance divided by the
speed. Ids then carry the run, so that a recording can be played again and again; with its own times it keeps its own
ids, and a message that was taken before counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from layers.errors import BadFile
from layers.live_source import EVENTS
from twin.envelope.read import MESSAGE_BYTES_MAX

PORTION_MAX = 500
PORTION_SECONDS = 0.25  # of the replay: messages due within this time are sent together
_ID_KEPT = 150
_MOVED = ("time", "senttime")
_MOVED_DATA = ("result_time",)


@dataclass(frozen=True, slots=True)
class Shift:
    """How the times of a recording are moved.

    Attributes
    ----------
    first, begins_at
        The time of the first message, as recorded and as replayed.
    speed
        60 plays an hour in a minute.
    run
        Added to ids; empty keeps times and ids as they are.
    """

    first: datetime
    begins_at: datetime
    speed: float
    run: str

    def due_s(self, moment: datetime) -> float:
        """Return the seconds from the beginning of the replay to a recorded moment."""
        return (moment - self.first).total_seconds() / self.speed

    def moved(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an event with moved times; one that is no CloudEvent stays as it is, and is refused on arrival."""
        identifier = event.get("id")
        if not self.run or type(identifier) is not str:
            return event
        moved = {**event, "id": f"{identifier[:_ID_KEPT]}~{self.run}"}
        moved |= {name: self._moment(event[name]) for name in _MOVED if name in event}
        subject = event.get("subject")
        if type(subject) is str and subject.partition("/")[0] in {EVENTS, "event"}:
            moved["subject"] = f"{subject[:_ID_KEPT]}~{self.run}"  # each replay has its own events
        if type(event.get("data")) is dict:
            moved["data"] = {name: self._field(name, value) for name, value in event["data"].items()}
        return moved

    def _field(self, name: str, value: Any) -> Any:
        return self._moment(value) if name.endswith("_at") or name in _MOVED_DATA else value

    def _moment(self, value: Any) -> Any:
        moment = moment_of(value)
        if moment is None:
            return value
        return (self.begins_at + timedelta(seconds=self.due_s(moment))).isoformat()


@dataclass(frozen=True, slots=True)
class RecordingBatch:
    """Messages that are due together.

    Attributes
    ----------
    due_s
        Seconds after the beginning; never less than that of the batch before.
    end
        Position in the file behind the batch, in bytes.
    """

    due_s: float
    events: list[dict[str, Any]]
    end: int


@dataclass(frozen=True, slots=True)
class RecordingPosition:
    """The position of a replay, stored before a batch is sent.

    Attributes
    ----------
    at, until
        Begin and end of the batch, in bytes of the file; it may have been taken or not.
    shift
        The shift of its times, which must be the same when it is sent again.
    """

    at: int
    until: int
    shift: Shift

    def written(self) -> dict[str, Any]:
        """Return the position as JSON."""
        shift = {**asdict(self.shift), "first": self.shift.first.isoformat()}
        return {"at": self.at, "until": self.until, "shift": {**shift, "begins_at": self.shift.begins_at.isoformat()}}

    @classmethod
    def read(cls, written: dict[str, Any]) -> RecordingPosition:
        """Read a position from JSON (`written`).

        Raises
        ------
        KeyError, TypeError, ValueError
            When it is no position.
        """
        shift = written["shift"]
        times = {name: datetime.fromisoformat(shift[name]) for name in ("first", "begins_at")}
        return cls(written["at"], written["until"], Shift(**{**shift, **times}))


def moment_of(value: Any) -> datetime | None:
    """Return the time of a CloudEvent in UTC; None when it is no time, or has no offset."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def each_event(path: Path, start: int = 0, stop: int | None = None) -> Iterator[tuple[dict[str, Any], int]]:
    """Read the events of a recording between two positions, each with the position behind it; empty lines are skipped.

    Raises
    ------
    BadFile
        When it cannot be read, or a line is no JSON object or longer than a message may be.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(start)
            while (stop is None or end < stop) and (line := file.readline(MESSAGE_BYTES_MAX + 1)):
                end += len(line)
                if line.strip():
                    yield _event(path, line, end), end
    except OSError as error:
        raise BadFile(f"{path.name} cannot be read: {error.strerror}", parameter="file") from error


def _event(path: Path, line: bytes, end: int) -> dict[str, Any]:
    try:
        event = orjson.loads(line) if len(line) <= MESSAGE_BYTES_MAX else None
    except orjson.JSONDecodeError:
        event = None
    if type(event) is not dict:
        raise BadFile(f"{path.name} has no event a line: see what ends at byte {end}", parameter="file")
    return event


def portions(events: Iterable[tuple[dict[str, Any], int]], shift: Shift) -> Iterator[RecordingBatch]:
    """Gather events that are due together; an event without a time is due with the one before."""
    gathered: list[dict[str, Any]] = []
    due_s = last_s = 0.0
    end = 0
    for event, after in events:
        moment = moment_of(event.get("time"))
        last_s = last_s if moment is None else max(last_s, shift.due_s(moment))
        if gathered and (last_s >= due_s + PORTION_SECONDS or len(gathered) >= PORTION_MAX):
            yield RecordingBatch(due_s, gathered, end)
            gathered = []
        if not gathered:
            due_s = last_s
        gathered.append(shift.moved(event))
        end = after
    if gathered:
        yield RecordingBatch(due_s, gathered, end)


def played(
    path: Path, place: RecordingPosition | None, *, speed: float, run: str, now: Callable[[], datetime]
) -> Iterator[tuple[datetime, RecordingBatch, RecordingPosition]]:
    """Play a recording, from its beginning or from a stored position.

    The batch at the position, which may have been sent, comes first, with the times it had then; the next is due now.

    Yields
    ------
    datetime, RecordingBatch, RecordingPosition
        Due time, batch, and the position to store before the batch is sent.

    Raises
    ------
    BadFile
        When the file is no recording. The rest after a position needs no time.
    """
    at = 0
    if place is not None:
        for portion in portions(each_event(path, place.at, place.until), place.shift):
            yield now(), portion, place
        at = place.until
    first = first_time(path, at) if place is None else _next_time(path, at)
    shift = Shift(first or now(), now(), speed, run)
    for portion in portions(each_event(path, at), shift):
        yield shift.begins_at + timedelta(seconds=portion.due_s), portion, RecordingPosition(at, portion.end, shift)
        at = portion.end


def first_time(path: Path, start: int = 0) -> datetime:
    """Return the time of the first event that has one, from a position on.

    Raises
    ------
    BadFile
        When no event has a time.
    """
    moment = _next_time(path, start)
    if moment is None:
        raise BadFile(f"{path.name} has no event with a time; a recording has one CloudEvent a line", parameter="file")
    return moment


def _next_time(path: Path, start: int) -> datetime | None:
    times = (moment_of(event.get("time")) for event, _ in each_event(path, start))
    return next(filter(None, times), None)
