"""The statement of a group of indicators: one pass over a layer for the area, the areas below and the codes of fields.

Rows come from the relation of the items under the same rights (`layers/read/query.py`): a number is that of the items
of the same filter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, columns_in, compose, join, quote_identifier
from layers.coordinates.crs import CRS84
from layers.cql2 import FilterLimits, compile_filter, parse, queryables_of
from layers.errors import BadFilter
from layers.read.relation import relation
from layers.read.rights import plain_fields, rights_at, scoped
from twin.overview.definition import Indicator, IndicatorGroup
from twin.overview.place import OverviewPlace

_AREA = "_area"  # the column of the code of the area below
_LIMITS = FilterLimits()
_LANGUAGE = "cql2-text"


@dataclass(frozen=True, slots=True)
class ToldIndicator:
    """An indicator that a reader is told, with its SQL over alias `f`.

    Attributes
    ----------
    part, whole
        Aggregates: the number, and for a share what it is a part of.
    observed
        The aggregate of the newest observation; None where the moment of the answer counts.
    rows
        The condition of the features that it reads; empty for all.
    by
        Fields by whose codes it is told.
    """

    indicator: Indicator
    part: Clause
    whole: Clause | None
    observed: Clause | None
    rows: Clause
    by: tuple[str, ...]

    @property
    def columns(self) -> tuple[Clause, ...]:
        """Its aggregates in their order."""
        return tuple(one for one in (self.part, self.whole, self.observed) if one is not None)


def told_indicators(group: IndicatorGroup, layer: Layer, actor: Actor, at: datetime) -> tuple[ToldIndicator, ...]:
    """Return the indicators of a group that an actor is told, as far as it sees the fields that they read."""
    rights, shown = rights_at(layer, actor), _readable(layer, actor)
    found = []
    for one in group.indicators:
        if not rights.reads(one.grade or layer.definition.grade):
            continue
        told = _told(one, group, layer, actor, at, shown)
        if told is not None and columns_in(*(part.text for part in told.columns), told.rows.text) <= shown:
            found.append(told)
    return tuple(found)


def _readable(layer: Layer, actor: Actor) -> frozenset[str]:
    """Return the fields that an actor sees in full; those of a position only where it is shown all positions."""
    shown, sees_motion = plain_fields(layer, actor), rights_at(layer, actor).motion[1]
    return frozenset(
        name
        for name, field in shown.items()
        if sees_motion or not (field.definition.live and field.definition.live.position)
    )


def compiled(text: str, layer: Layer, actor: Actor) -> Clause | None:
    """Return a condition of the definitions as SQL; None when it names a field that the actor does not see."""
    if not text:
        return EMPTY
    try:
        return compile_filter(
            parse(text, _LANGUAGE, limits=_LIMITS), queryables_of(layer.definition, actor), filter_crs=CRS84
        )
    except BadFilter:
        return None


def _told(
    one: Indicator, group: IndicatorGroup, layer: Layer, actor: Actor, at: datetime, shown: Collection[str]
) -> ToldIndicator | None:
    where = compiled(group.condition((*one.where, *one.of), at), layer, actor)
    whole = compiled(group.condition(one.of, at), layer, actor) if one.of else None
    if where is None or (one.of and whole is None):
        return None
    observed = f"max(f.{quote_identifier(one.time)})" if one.time and one.time in shown else ""
    rows = whole if whole is not None else where
    return ToldIndicator(
        indicator=one,
        part=_filtered(_aggregate(one), where),
        whole=None if whole is None else _filtered("count(*)", whole),
        observed=_filtered(observed, rows) if observed else None,
        rows=rows,
        by=tuple(name for name in one.by if name in shown),
    )


def _aggregate(one: Indicator) -> str:
    if one.field is not None:
        return f"max(f.{quote_identifier(one.field)}::float8)"
    if one.between is not None:
        first, last = (f"f.{quote_identifier(name)}" for name in one.between)
        hours = f"extract(epoch FROM {last} - {first})::float8 / 3600"
        return f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {hours})"
    return "count(*)"


def _filtered(aggregate: str, where: Clause) -> Clause:
    return compose(f"{aggregate} FILTER (WHERE {{}})", where) if where else Clause(aggregate)


@dataclass(frozen=True, slots=True)
class GroupStatement:
    """The statement of a group, and how its rows are read.

    Attributes
    ----------
    clause
        Rows of `sets`, which tells what a row is of, one column for each of `fields`, and `n0`, `n1`, … for the
        aggregates.
    fields
        The columns by which rows are grouped; the first is the code of the area below.
    knows_areas
        Whether the reader may see in which area below a feature lies.
    """

    clause: Clause
    told: tuple[ToldIndicator, ...]
    fields: tuple[str, ...]
    knows_areas: bool

    def set_of(self, field: str | None) -> int:
        """Return the number of the rows that are grouped by a field; None is the row of everything."""
        everything = (1 << len(self.fields)) - 1
        if field is None:
            return everything
        return everything ^ (1 << (len(self.fields) - 1 - self.fields.index(field)))


def group_statement(
    told: Sequence[ToldIndicator], layer: Layer, actor: Actor, place: OverviewPlace, *, from_above: bool = False
) -> GroupStatement | None:
    """Build the statement of indicators of one layer; None when the reader may not see which features lie inside."""
    inside = place.lies_inside(layer, actor, from_above=from_above)
    if inside is None:
        return None
    fields = (_AREA, *dict.fromkeys(name for one in told for name in one.by))
    aggregates = [part for one in told for part in one.columns]
    needed = sorted((columns_in(*(part.text for part in aggregates)) | {*fields}) - {_AREA})
    read = [one.rows for one in told]
    matching = join(" OR ", (compose("({})", one) for one in read)) if all(read) else EMPTY
    condition = scoped(layer, actor, *(one for one in (inside, matching) if one))
    key = place.key(layer, actor)
    columns = join(
        ", ", (Clause(f"{key or 'NULL::text'} AS {_AREA}"), *(Clause(f"f.{quote_identifier(n)}") for n in needed))
    )
    source = relation(layer, actor, condition, columns_in(columns.text, condition.text))
    names = ", ".join(f"f.{quote_identifier(name)}" for name in fields)
    sets = ", ".join(["()", *(f"(f.{quote_identifier(name)})" for name in fields)])
    numbers = join(", ", (compose(f"{{}} AS n{n}", part) for n, part in enumerate(aggregates)))
    clause = compose(
        f"SELECT GROUPING({names}) AS sets, {names}, {{}} FROM (SELECT {{}} FROM {{}} WHERE {{}}) AS f"
        f" GROUP BY GROUPING SETS ({sets})",
        *(numbers, columns, source, condition),
    )
    return GroupStatement(clause, tuple(told), fields, key is not None)
