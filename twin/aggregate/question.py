"""Counts of features by area, including empty areas, as one statement for every actor.

A count is that of the items of the same filter: rows come from the same relation under the same rights
(`layers/read/query.py`), and every feature is in the area that it has in the collection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, bind, columns_in, compose, join, quote_identifier
from layers.coordinates.district_crs import measuring_srid
from layers.errors import BadInput
from layers.read.relation import relation
from layers.read.rights import scoped, visible_fields
from twin.aggregate.areas import Grouping

WEEKS = 8
OPEN = "onemap.event_is_open(f.stage, f.closed_at)"
_OVERDUE = f"{OPEN} AND f.due_at < now()"


@dataclass(frozen=True, slots=True)
class Question:
    """A request for counts.

    Attributes
    ----------
    layer
        The layer of the features.
    where
        The condition on features, over alias `f`, without the time; empty means all.
    start, end
        Features from `start` on and before `end`, by the layer's time; None for an open side.
    bin_deg
        Side of the bins of hexagons (`twin.aggregate.cells`).
    """

    layer: Layer
    actor: Actor
    by: Grouping
    where: Clause = EMPTY
    start: datetime | None = None
    end: datetime | None = None
    bin_deg: float = 0.0

    def __post_init__(self) -> None:
        """Check the time span.

        Raises
        ------
        BadInput
            When the layer has no time, or the span ends before it begins.
        """
        if (self.start or self.end) and self.time is None:
            raise BadInput(f"features of {self.layer.id} have no time: 'from' and 'to' cannot choose", parameter="from")
        if self.start and self.end and self.start >= self.end:
            raise BadInput("'to' is not later than 'from'", parameter="to")

    @property
    def time(self) -> str | None:
        """The column of the time; None when there is none that the actor sees."""
        name = self.layer.definition.time
        seen = {field.definition.name for field in visible_fields(self.layer, self.actor) if not field.masked}
        return f"f.{quote_identifier(name)}" if name in seen else None

    @property
    def knows_stage(self) -> bool:
        """Whether features have a stage and a limit, so that they are open or closed, and overdue or not."""
        return {"stage", "closed_at", "due_at"} <= self.layer.definition.by_name.keys()

    @property
    def has_baseline(self) -> bool:
        """Whether the span has two ends, so that the same span of earlier weeks can be counted."""
        return self.start is not None and self.end is not None


def counted(question: Question) -> Clause:
    """Build the query of the counts: `key, count, open, overdue`; the key of features in no area is null."""
    sums = "count(*) AS count"
    sums += f", count(*) FILTER (WHERE {OPEN}) AS open" if question.knows_stage else ", NULL::bigint AS open"
    sums += f", count(*) FILTER (WHERE {_OVERDUE}) AS overdue" if question.knows_stage else ", NULL::bigint AS overdue"
    return _group(question, in_span(question), sums)


def past(question: Question) -> Clause:
    """Build the query of the baseline: `key, mean, squares` of the counts of the same span in the last eight weeks."""
    if question.time is None or question.start is None or question.end is None:
        return Clause("SELECT NULL::text AS key, NULL::float8 AS mean, NULL::float8 AS squares WHERE false")
    weeks = []
    for n in range(1, WEEKS + 1):  # one query a week: with constant bounds, which an index on the time serves
        back = timedelta(days=7 * n)
        week = replace(question, start=question.start - back, end=question.end - back)
        weeks.append(_group(week, in_span(week), "count(*) AS n"))
    return compose(
        f"SELECT key, sum(n)::float8 / {WEEKS} AS mean, sum(n * n)::float8 / {WEEKS} AS squares FROM ({{}}) AS weekly"
        " GROUP BY key",
        join(" UNION ALL ", weeks),
    )


def in_span(question: Question) -> Clause:
    """Return the condition of the time span; empty when both sides are open."""
    if question.time is None:
        return EMPTY
    sides = ((">=", question.start), ("<", question.end))
    parts = (compose(f"{question.time} {sign} {{}}", bind(at, "timestamptz")) for sign, at in sides if at is not None)
    return join(" AND ", parts)


def _group(question: Question, span: Clause, sums: str) -> Clause:
    """Group the matching features by the key of their area."""
    where = join(" AND ", (question.where, span))
    condition = scoped(question.layer, question.actor, where)
    state = ", f.stage, f.closed_at, f.due_at" if question.knows_stage else ""
    key, before, after = _key(question)
    source = relation(question.layer, question.actor, where, columns_in(key, state, before, after, condition.text))
    chosen = compose(f"SELECT {key} AS key{state} FROM {before}{{}}{after} WHERE {{}}", source, condition)
    return compose(f"SELECT f.key, {sums} FROM ({{}}) AS f GROUP BY f.key", chosen)


def _key(question: Question) -> tuple[str, str, str]:
    """Return the SQL of the key of a feature's area, and the FROM items before and after the features."""
    by = question.by
    is_point = question.layer.definition.geometry_type == "Point"
    point = "f.geom" if is_point else "onemap.point_of(f.geom)"
    match by.kind:
        case "code":
            return by.key, "", ""
        case "member":
            return "v.key", "", " CROSS JOIN LATERAL unnest(f.urban_village_ids) AS v (key)"
        case "square":
            spot = f" CROSS JOIN LATERAL (SELECT ST_Transform({point}, {measuring_srid()}) AS p OFFSET 0) AS spot"
            return (
                f"floor(ST_X(spot.p) / {by.size})::bigint || '_' || floor(ST_Y(spot.p) / {by.size})::bigint",
                "",
                spot,
            )
        case "h3":  # a bin within one cell decides; a point on the edge of several cells is in the first
            x, y = (f"floor(ST_{axis}({point}) / {question.bin_deg!r}::float8)" for axis in "XY")
            covers = f"ST_Covers(c.geom, {point})"
            near = f"(SELECT c.key FROM unnest(b.keys, b.geoms) AS c (key, geom) WHERE {covers} LIMIT 1)"
            return f"CASE WHEN b.whole THEN b.keys[1] ELSE {near} END", "", f" JOIN bin AS b ON b.x = {x} AND b.y = {y}"
    return "area.key", "area JOIN ", f" ON f.geom && area.geom AND ST_Covers(area.geom, {point})"


def statement(question: Question, areas: Clause, bins: Clause, counts: Clause, baseline: Clause) -> Clause:
    """Build the statement: a row for each area, ordered by its key, and a last row with the key null for the total.

    Parameters
    ----------
    areas
        `key, id, name, km2, people, geom, shape` of the areas.
    bins
        The bins of hexagons, over `area`; empty for other groupings.
    counts, baseline
        The queries of `counted` and `past`, or others with their columns.

    Returns
    -------
    Clause
        Columns `key, id, name, km2, people, count, open, overdue, mean, squares, geometry`; in the row for the total,
        `count` is the number of matching features in and outside of the areas.
    """
    binned = compose(" bin AS MATERIALIZED ({}),", bins) if bins else EMPTY
    partition = question.by.kind in {"code", "square"}
    total = Clause("SELECT coalesce(sum(count), 0)::bigint FROM counted") if partition else _total(question)
    return compose(
        f"""WITH area AS MATERIALIZED ({{}}),{{}} counted AS MATERIALIZED ({{}}), past AS MATERIALIZED ({{}})
        SELECT area.key, area.id, area.name, area.km2, area.people, coalesce(c.count, 0) AS count,
            {"coalesce(c.open, 0)" if question.knows_stage else "NULL::bigint"} AS open,
            {"coalesce(c.overdue, 0)" if question.knows_stage else "NULL::bigint"} AS overdue,
            {"coalesce(p.mean, 0)" if question.has_baseline else "NULL::float8"} AS mean,
            {"coalesce(p.squares, 0)" if question.has_baseline else "NULL::float8"} AS squares, area.shape AS geometry
        FROM area LEFT JOIN counted AS c ON c.key = area.key LEFT JOIN past AS p ON p.key = area.key
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, NULL, ({{}}), NULL, NULL, NULL, NULL, NULL
        ORDER BY 1 NULLS LAST""",
        areas,
        binned,
        counts,
        baseline,
        total,
    )


def _total(question: Question) -> Clause:
    where = join(" AND ", (question.where, in_span(question)))
    condition = scoped(question.layer, question.actor, where)
    source = relation(question.layer, question.actor, where, columns_in(condition.text))
    return compose("SELECT count(*) FROM {} WHERE {}", source, condition)
