"""What is told of each area beside the number of features: medians and sums of fields, and how events were handled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import quote_identifier
from layers.errors import BadInput, TooMuch
from layers.layer_rights import rights_of
from layers.live_source import EVENTS
from layers.read.rights import plain_fields

MEASURES_MAX = 10
_FORM = re.compile(r"(mean|median|min|max|sum)\(([a-z][a-z0-9_]{0,62})\)")
_AGGREGATES = {
    "mean": "avg(f.{0}::float8)",
    "median": "percentile_cont(0.5) WITHIN GROUP (ORDER BY f.{0}::float8)",
    "min": "min(f.{0})::float8",
    "max": "max(f.{0})::float8",
    "sum": "sum(f.{0})::float8",
}
_CLOSED = "f.closed_at IS NOT NULL"
_LIMITED = f"{_CLOSED} AND f.due_at IS NOT NULL"
_HOURS = "extract(epoch FROM f.{1} - f.{0})::float8 / 3600"
RETURNED = "was_returned"
"""The column that tells whether an event was sent back at any time."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of each area.

    Attributes
    ----------
    name
        As requests and answers name it.
    expression
        An aggregate over alias `f`.
    fields
        The fields of features that it reads.
    returns
        Whether it reads if an event was ever sent back (`RETURNED`); who may not look back does not have it.
    """

    name: str
    expression: str
    fields: tuple[str, ...]
    returns: bool = False


def _median_of(first: str, last: str) -> str:
    return f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {_HOURS.format(first, last)})"


def _share(part: str, whole: str) -> str:
    return f"(count(*) FILTER (WHERE {part}))::float8 / nullif(count(*) FILTER (WHERE {whole}), 0)"


OF_EVENTS: tuple[Measure, ...] = (
    Measure("closed", f"count(*) FILTER (WHERE {_CLOSED})", ("closed_at",)),
    Measure("closed_rate", _share(_CLOSED, "TRUE"), ("closed_at",)),
    Measure("on_time", f"count(*) FILTER (WHERE {_LIMITED} AND f.closed_at <= f.due_at)", ("closed_at", "due_at")),
    Measure("on_time_rate", _share(f"{_LIMITED} AND f.closed_at <= f.due_at", _LIMITED), ("closed_at", "due_at")),
    Measure("returned", f"count(*) FILTER (WHERE f.{RETURNED})", ("stage",), returns=True),
    Measure("returned_rate", _share(f"f.{RETURNED}", "TRUE"), ("stage",), returns=True),
    Measure("repeated", "count(*) FILTER (WHERE f.duplicate_of IS NOT NULL)", ("duplicate_of",)),
    Measure("repeated_rate", _share("f.duplicate_of IS NOT NULL", "TRUE"), ("duplicate_of",)),
    Measure("median_accept_h", _median_of("occurred_at", "accepted_at"), ("occurred_at", "accepted_at")),
    Measure("median_handle_h", _median_of("occurred_at", "handled_at"), ("occurred_at", "handled_at")),
    Measure("median_close_h", _median_of("occurred_at", "closed_at"), ("occurred_at", "closed_at")),
)


def parse_measures(text: str | None, layer: Layer, actor: Actor) -> tuple[Measure, ...]:
    """Read the parameter `measures`, several with commas; none without it.

    Raises
    ------
    BadInput
        When one is unknown, or reads a field that is hidden or no number.
    TooMuch
        When more than `MEASURES_MAX` are asked for.
    """
    names = list(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))
    if len(names) > MEASURES_MAX:
        raise TooMuch(f"measures names {len(names)}; at most {MEASURES_MAX} at once", parameter="measures")
    seen = {name: field.type for name, field in plain_fields(layer, actor).items()}
    of_events = OF_EVENTS if layer.id == EVENTS else ()
    looks_back = rights_of(layer.definition, actor.as_historian()).reads(layer.lowest_grade)
    known = {one.name: one for one in of_events if set(one.fields) <= seen.keys() and (looks_back or not one.returns)}
    return tuple(known.get(name) or _of_field(name, seen, known) for name in names)


def _of_field(name: str, seen: Mapping[str, str], known: Mapping[str, Measure]) -> Measure:
    found = _FORM.fullmatch(name)
    numbers = sorted(field for field, kind in seen.items() if kind in {"integer", "number"})
    if found is None or found[2] not in numbers:
        some = f"{', '.join(_AGGREGATES)} of a number, as median({numbers[0]})" if numbers else ""
        allowed = ", ".join(filter(None, (*known, some))) or "none"
        raise BadInput(f"measures has '{name[:60]}'; allowed are {allowed}", parameter="measures")
    column = quote_identifier(found[2])
    return Measure(name, _AGGREGATES[found[1]].format(column), (found[2],))
