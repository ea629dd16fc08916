"""Counts by steps of time: a row for each step of the span, empty ones included, as a histogram needs them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from layers.clause import Clause
from layers.errors import BadInput, TooMuch

STEPS_S: Mapping[str, int] = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400}
"""Lengths of steps in seconds, by name."""
STEPS_MAX = 2000
_ORIGIN = "'2000-01-01T00:00:00+08:00'::timestamptz"  # local midnight: days are those of the district's clocks
_TEXT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


def step_key(time: str, step_s: int) -> str:
    """Return the SQL of the key of a time: when its step begins, in RFC 3339, UTC."""
    return _TEXT.format(f"date_bin('{int(step_s)} seconds'::interval, {time}, {_ORIGIN})")


def steps_clause(start: datetime | None, end: datetime | None, step_s: int) -> Clause:
    """Build the query of the steps that a span touches, with the columns of areas.

    Raises
    ------
    BadInput
        When the span has an open side.
    TooMuch
        When it has more than `STEPS_MAX` steps.
    """
    if start is None or end is None:
        raise BadInput("counts by time need 'from' and 'to'", parameter="from" if start is None else "to")
    number = (end - start) / timedelta(seconds=step_s)
    if number > STEPS_MAX:
        raise TooMuch(f"the span has {number:.0f} steps, at most {STEPS_MAX}; ask for longer ones", parameter="by")
    step = f"'{int(step_s)} seconds'::interval"
    return Clause(
        f"""SELECT {_TEXT.format("s.at")} AS key, {_TEXT.format("s.at")} AS id, NULL::text AS name,
            NULL::float8 AS km2, NULL::float8 AS people, NULL::geometry AS geom, NULL::text AS shape
        FROM generate_series(date_bin({step}, ?0::timestamptz, {_ORIGIN}),
            ?1::timestamptz - interval '1 microsecond', {step}) AS s (at)""",
        (start, end),
    )
