"""The series of a measured property: its raw values, or buckets of five minutes, hours or days of them.

Buckets are read from the roll-up (`twin/store/five_minutes.py`), which is exact whatever comes late or is corrected.
A bucket without a value is not there: gaps stay gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.errors import BadInput, NotFound, TooMuch
from layers.read.learned.times import shows_property, visible_times
from twin.history.observed import ObservedSeries, read_observed
from twin.history.packed import PackedKind, pack, unpack
from twin.history.span import HistorySpan
from twin.store.five_minutes import BUCKETS, BUCKETS_UNTIL, COUNTING, KNOWN_BUCKETS, bucket_of

Step = Literal["raw", "5m", "1h", "1d"]
Statistic = Literal["mean", "min", "max", "last", "count", "sum"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
STEPS: Mapping[str, timedelta | None] = {
    "raw": None,
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
VALUES_MAX = 20_000
RAW_MAX = timedelta(days=62)
_TICK = timedelta(microseconds=1)
_MIDNIGHT = datetime(1999, 12, 31, 16, tzinfo=UTC)  # local: China has had no summer time since 1991
_SQL: Mapping[Statistic, str] = {
    "mean": "round((sum(b.total) / sum(b.n))::numeric, 9)::float8",
    "min": "min(b.low)",
    "max": "max(b.high)",
    "last": "(array_agg(b.last ORDER BY b.bucket DESC))[1]",
    "count": "sum(b.n)::bigint",
    "sum": "round(sum(b.total ORDER BY b.bucket)::numeric, 9)::float8",
}
_RAW = f"""
SELECT o.phenomenon_time AS time, o.value, o.value_text AS text, o.quality_flag FROM ({
    COUNTING.format(
        "twin.observation AS h WHERE h.id = $1 AND h.property = $2 AND h.phenomenon_time >= $3"
        " AND h.phenomenon_time < $4 AND ($5::timestamptz IS NULL OR h.ingested_at <= $5)"
    )
}) AS o ORDER BY o.phenomenon_time LIMIT {VALUES_MAX + 1}
"""

_RAW_KINDS: Mapping[str, PackedKind] = {"time": "time", "value": "number", "text": "text", "quality_flag": "text"}


@dataclass(frozen=True, slots=True)
class SeriesQuestion:
    """A question about the series of a property.

    Attributes
    ----------
    layer, feature_id, code
        The feature, and the code of what it measures.
    statistics
        What is told of each bucket; raw values have none.
    """

    layer: Layer
    feature_id: str
    code: str
    span: HistorySpan
    step: Step
    statistics: tuple[Statistic, ...]

    @property
    def length(self) -> timedelta | None:
        """The length of a bucket; None for raw values."""
        return STEPS[self.step]

    def __post_init__(self) -> None:
        """Check the span.

        Raises
        ------
        TooMuch
            When it has more values than are told at once.
        """
        if self.length is None:
            if self.span.length > RAW_MAX:
                raise TooMuch(
                    f"raw values are told of {RAW_MAX.days} days at most; take a step of 5m, 1h or 1d", parameter="step"
                )
        elif (many := self.span.length // self.length) > VALUES_MAX:
            raise TooMuch(f"{many} values are asked for; at most {VALUES_MAX}: take a longer step", parameter="step")


@dataclass(frozen=True, slots=True)
class MeasuredSeries:
    """The series of a property.

    Attributes
    ----------
    values
        In the order of time: of raw values `time`, `value` or `text`, and `quality_flag`; of buckets `time`, where they
        begin, the statistics, `n` values and how many of them are `flagged`.
    """

    observed: ObservedSeries
    values: Sequence[Mapping[str, Any]]


def read_step(text: str) -> Step:
    """Read the parameter `step`.

    Raises
    ------
    BadInput
        When it is none.
    """
    steps: tuple[Step, ...] = get_args(Step)
    for step in steps:
        if text == step:
            return step
    raise BadInput(f"step is '{text[:20]}'; allowed are {', '.join(STEPS)}", parameter="step")


def read_statistics(text: str | None, step: Step) -> tuple[Statistic, ...]:
    """Read the parameter `agg`, several with commas; the mean by default.

    Raises
    ------
    BadInput
        When one is unknown, or is asked of raw values.
    """
    if text is None:
        return () if step == "raw" else ("mean",)
    if step == "raw":
        raise BadInput("agg is given with step=raw, whose values are told one by one; leave one out", parameter="agg")
    names = dict.fromkeys(part.strip() for part in text.split(","))
    if names.keys() - set(STATISTICS):
        raise BadInput(f"agg is '{text[:60]}'; allowed are {', '.join(STATISTICS)}", parameter="agg")
    return tuple(one for one in STATISTICS if one in names)


async def read_series(connection: asyncpg.Connection, question: SeriesQuestion, actor: Actor) -> MeasuredSeries:
    """Read a series, as far as the actor may see it.

    Raises
    ------
    NotFound
        When there is no such feature that the actor may see.
    BadInput
        When it has no such property that the actor may see; the message lists those it has.
    """
    times = await _times(connection, question, actor)
    observed = await read_observed(connection, question.layer, actor, question.feature_id)
    if question.code not in observed:
        allowed = ", ".join(sorted(observed)) or "none"
        raise BadInput(
            f"property is '{question.code[:63]}'; '{question.feature_id[:80]}' has {allowed}", parameter="property"
        )
    pieces = _pieces(question.span, times, question.length)
    rows = [row for start, end in pieces for row in await _rows(connection, question, start, end)]
    if len(rows) > VALUES_MAX:
        raise TooMuch(
            f"more than {VALUES_MAX} values are asked for; take a shorter span or a longer step", parameter="from"
        )
    return MeasuredSeries(observed[question.code], rows)


async def _times(
    connection: asyncpg.Connection, question: SeriesQuestion, actor: Actor
) -> list[tuple[datetime | None, datetime | None]]:
    """Return the times in which the series is seen; of a property that nobody sees, those of the feature."""
    layer, named = question.layer, question.feature_id
    if "\0" in named or "\0" in question.code:
        raise NotFound(f"there is no feature '{named[:80]}' in '{layer.id}'", parameter="id")
    known = shows_property(layer, actor, question.code)
    text, values = visible_times(layer, actor, named, question.code if known else "").render()
    found = await connection.fetch(text, *values)
    if not found:
        raise NotFound(f"there is no feature '{named[:80]}' in '{layer.id}'", parameter="id")
    return [(_finite(row["start"]), _finite(row["end_"])) for row in found]


def _finite(moment: datetime) -> datetime | None:
    """Return a moment in UTC; None for an infinite one, which asyncpg reads as the first or last there is."""
    return None if moment.year in {1, 9999} else moment.astimezone(UTC)


def _pieces(
    span: HistorySpan, times: Iterable[tuple[datetime | None, datetime | None]], length: timedelta | None
) -> list[tuple[datetime, datetime]]:
    """Return the parts of a span that are seen, of whole buckets of a length; those that meet are one."""
    start, end = (span.start, span.end) if length is None else (_floor(span.start, length), _ceiling(span.end, length))
    pieces: list[tuple[datetime, datetime]] = []
    for begins, ends in times:
        first, last = max(start, begins or start), min(end, ends or end)
        if pieces and pieces[-1][1] == first and first < last:
            pieces[-1] = pieces[-1][0], last
        elif first < last:
            pieces.append((first, last))
    whole = pieces if length is None else [(_ceiling(first, length), _floor(last, length)) for first, last in pieces]
    return [(first, last) for first, last in whole if first < last]


async def _rows(
    connection: asyncpg.Connection, question: SeriesQuestion, start: datetime, end: datetime
) -> list[Mapping[str, Any]]:
    known, length = question.span.known_at, question.length
    own = question.feature_id, question.code
    if length is None:
        return await _read(connection, _RAW_KINDS, _RAW, (*own, start, end, known), tells_null=False)
    columns = ", ".join(f"{_SQL[name]} AS {name}" for name in question.statistics)
    buckets, asked = _buckets(question.span, start, end)
    number = 3 + len(asked)
    text = f"""SELECT date_bin(${number}::interval, b.bucket, ${number + 1}) AS time, {columns}, sum(b.n)::bigint AS n,
        sum(b.flagged)::bigint AS flagged FROM ({buckets}) AS b GROUP BY 1 ORDER BY 1"""
    told: dict[str, PackedKind] = {name: "integer" if name == "count" else "number" for name in question.statistics}
    kinds: dict[str, PackedKind] = {"time": "time", **told, "n": "integer", "flagged": "integer"}
    return await _read(connection, kinds, text, (*own, *asked, length, _MIDNIGHT))


async def _read(
    connection: asyncpg.Connection,
    kinds: Mapping[str, PackedKind],
    rows: str,
    values: Sequence[object],
    *,
    tells_null: bool = True,
) -> list[Mapping[str, Any]]:
    """Return rows of some columns; of a row without nulls unless it tells them."""
    columns = unpack(kinds, await connection.fetchrow(pack(kinds, rows), *values))
    if not tells_null:
        columns = {name: column for name, column in columns.items() if any(value is not None for value in column)}
    names = tuple(columns)
    read: list[Mapping[str, Any]] = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if tells_null or not any(None in column for column in columns.values()):
        return read
    return [{name: value for name, value in row.items() if value is not None} for row in read]


def _buckets(span: HistorySpan, start: datetime, end: datetime) -> tuple[str, tuple[datetime, ...]]:
    """Return the statement of buckets of five minutes, of a part of the span, and its values from $3 on."""
    latest = span.latest
    if span.known_at is not None:
        return KNOWN_BUCKETS, (start, end if latest is None else min(end, latest + _TICK), span.known_at)
    if latest is None or end <= latest:
        return BUCKETS, (start, end)
    return BUCKETS_UNTIL, (start, bucket_of(latest), latest)


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _MIDNIGHT) % length


def _ceiling(moment: datetime, length: timedelta) -> datetime:
    return moment + (_MIDNIGHT - moment) % length
