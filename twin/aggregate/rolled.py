"""Counts by area read from the roll-ups of events: whole days in the middle, five minutes at the ends.

The roll-ups have the columns that rights need (grade and areas) and the event's class. So they serve every question by
areas of codes without a filter, whose times are whole five minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from layers.clause import Clause, all_of, bind, compose, join
from layers.live_source import EVENTS
from layers.read.rights import is_view, judges_rows, scope_over
from layers.tiers import TIERS
from twin.aggregate.question import WEEKS, Question, in_span, past
from twin.store.five_minutes import bucket_of

_DAY = timedelta(days=1)
_COLUMNS = frozenset({"data_grade", "area_code", "grid_code"})  # of every roll-up
_KEYS = frozenset(tier.code_of_feature() for tier in TIERS)


def is_rolled(question: Question) -> bool:
    """Whether the roll-ups can serve a question."""
    return (
        question.layer.id == EVENTS
        and not question.where
        and not question.measures
        and not question.compares
        and question.layer.moment is None
        and question.by.kind == "code"
        and question.by.key in _KEYS
        and question.layer.definition.time == "occurred_at"
        and judges_rows(question.layer, question.actor, _COLUMNS)
        and not is_view(question.layer, question.actor)
        and all(at is None or at == bucket_of(at) for at in (question.start, question.end))
    )


def rolled_counts(question: Question) -> Clause:
    """Build the query of the counts: `key, count, open, overdue`, as `twin.aggregate.question.counted`.

    Open events are few, and become overdue with time alone; they are counted one by one.
    """
    rolled = _group(question, _pieces(question, question.start, question.end), "sum(f.n) AS count")
    opened = compose(
        f"""SELECT {question.by.key} AS key, count(*) AS open, count(*) FILTER (WHERE f.due_at < now()) AS overdue
        FROM twin.event_open AS f WHERE {{}} GROUP BY 1""",
        all_of((scope_over(question.layer, question.actor, _COLUMNS), in_span(question))),
    )
    return compose(
        """SELECT key, sum(count)::bigint AS count, sum(open)::bigint AS open, sum(overdue)::bigint AS overdue FROM (
            SELECT key, count, 0 AS open, 0 AS overdue FROM ({}) AS r UNION ALL
            SELECT key, 0, open, overdue FROM ({}) AS o
        ) AS both_of_them GROUP BY key""",
        rolled,
        opened,
    )


def rolled_past(question: Question) -> Clause:
    """Build the query of the baseline: `key, mean, squares`, as `twin.aggregate.question.past`."""
    start, end = question.start, question.end
    if start is None or end is None:
        return past(question)
    weeks = []
    for n in range(1, WEEKS + 1):
        back = timedelta(days=7 * n)
        weeks.append(_group(question, _pieces(question, start - back, end - back), "sum(f.n) AS n"))
    return compose(
        f"""SELECT key, sum(n)::float8 / {WEEKS} AS mean, sum(n * n)::float8 / {WEEKS} AS squares
        FROM ({{}}) AS weekly GROUP BY key""",
        join(" UNION ALL ", weeks),
    )


def _group(question: Question, pieces: Clause, sums: str) -> Clause:
    return compose(
        f"SELECT nullif({question.by.key}, '') COLLATE \"default\" AS key, {sums} FROM ({{}}) AS f GROUP BY 1",
        pieces,
    )


def _pieces(question: Question, start: datetime | None, end: datetime | None) -> Clause:
    """Build the query of a span: whole days from the roll-up of days, both ends from that of five minutes."""
    first = None if start is None else start.astimezone(UTC)
    last = None if end is None else end.astimezone(UTC)
    first_day = None if first is None else -(-(first - _EPOCH) // _DAY) * _DAY + _EPOCH
    last_day = None if last is None else (last - _EPOCH) // _DAY * _DAY + _EPOCH
    if first_day is not None and last_day is not None and first_day >= last_day:
        return _read("event_5min", question, first, last)
    parts = [_read("event_day", question, first_day, last_day)]
    if first is not None and first_day is not None and first < first_day:
        parts.append(_read("event_5min", question, first, first_day))
    if last is not None and last_day is not None and last_day < last:
        parts.append(_read("event_5min", question, last_day, last))
    return join(" UNION ALL ", parts)


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _read(table: str, question: Question, start: datetime | None, end: datetime | None) -> Clause:
    sides = ((">=", start), ("<", end))
    span = [compose(f"f.bucket {sign} {{}}", bind(at, "timestamptz")) for sign, at in sides if at is not None]
    if span:
        span.append(Clause("f.bucket > '-infinity'"))  # events without a time are in no span
    visible = all_of((scope_over(question.layer, question.actor, _COLUMNS), *span))
    return compose(f"SELECT f.grid_code, f.area_code, f.n FROM twin.{table} AS f WHERE {{}}", visible)
