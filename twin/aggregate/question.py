"""Counts of features by area, including empty areas, as one statement for every actor.

A count is that of the items of the same filter: rows come from the same relation under the same rights
(`layers/read/query.py`), and every feature is in the area that it has in the collection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, bind, columns_in, compose, join, quote_identifier
from layers.coordinates.district_crs import measuring_srid
from layers.errors import BadInput
from layers.read.facts import throughout
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped
from twin.aggregate.areas import Grouping
from twin.aggregate.measures import RETURNED, Measure
from twin.aggregate.steps import step_key

WEEKS = 8
_WAS_RETURNED = """(f.stage = 'returned' OR (
    EXISTS (SELECT FROM twin.event_version AS v WHERE v.event_id = f.id AND v.stage = 'returned')
    AND EXISTS (SELECT FROM (SELECT f.id AS asked) AS o CROSS JOIN {} WHERE {})
))"""
"""Versions that said so at all are found at once; only these are folded, each into the event as it was then."""
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
OPEN = "onemap.event_is_open(f.stage, f.closed_at)"


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
    measures
        What else is told of each area.
    compares
        Whether each count stands beside that of the same weekdays a week before.
    """

    layer: Layer
    actor: Actor
    by: Grouping
    where: Clause = EMPTY
    start: datetime | None = None
    end: datetime | None = None
    bin_deg: float = 0.0
    measures: tuple[Measure, ...] = ()
    compares: bool = False

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
        if self.by.kind == "time" and self.time is None:
            raise BadInput(f"features of {self.layer.id} have no time that you see", parameter="by")
        if self.by.kind == "time" and self.compares:
            raise BadInput("counts by time are compared with nothing; ask for the other span", parameter="compare")
        if self.compares and not self.has_baseline:
            raise BadInput("compare needs 'from' and 'to': the span that is compared", parameter="compare")

    @property
    def time(self) -> str | None:
        """The column of the time; None when there is none that the actor sees."""
        name = self.layer.definition.time
        return f"f.{quote_identifier(name)}" if name and name in plain_fields(self.layer, self.actor) else None

    @property
    def measured(self) -> tuple[str, ...]:
        """The fields that the measures are made of."""
        return tuple(dict.fromkeys(name for one in self.measures for name in one.fields))

    @property
    def knows_stage(self) -> bool:
        """Whether features have a stage and a limit, so that they are open or closed, and overdue or not."""
        return {"stage", "closed_at", "due_at"} <= self.layer.definition.by_name.keys()

    @property
    def has_baseline(self) -> bool:
        """Whether the span has two ends, so that the same span of earlier weeks can be counted."""
        return self.start is not None and self.end is not None and self.by.kind != "time"


def counted(question: Question) -> Clause:
    """Build the query of the counts: `key, count, open, overdue`; the key of features in no area is null."""
    sums = "count(*) AS count"
    sums += f", count(*) FILTER (WHERE {OPEN}) AS open" if question.knows_stage else ", NULL::bigint AS open"
    sums += ", count(*) FILTER (WHERE f.is_overdue) AS overdue" if question.knows_stage else ", NULL::bigint AS overdue"
    sums += "".join(f", {one.expression} AS measure_{n}" for n, one in enumerate(question.measures))
    return _group(question, in_span(question), sums, measures=question.measures)


def compared(question: Question) -> Clause:
    """Build the query of the counts of the same weekdays a week before: `key, n`; none when they are not asked for."""
    if not question.compares or question.start is None or question.end is None:
        return Clause("SELECT NULL::text AS key, NULL::bigint AS n WHERE false")
    back = timedelta(days=7)
    week = replace(question, start=question.start - back, end=question.end - back)
    return _group(week, in_span(week), "count(*) AS n")


def past(question: Question) -> Clause:
    """Build the query of the baseline: `key, mean, squares` of the counts of the same span in the last eight weeks."""
    if not question.has_baseline or question.start is None or question.end is None:
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


def _group(question: Question, span: Clause, sums: str, measures: tuple[Measure, ...] = ()) -> Clause:
    """Group the matching features by the key of their area."""
    where = join(" AND ", (question.where, span))
    condition = scoped(question.layer, question.actor, where)
    state = ("stage", "closed_at", "due_at") if question.knows_stage and "open" in sums else ()
    names = sorted({*state, *(name for one in measures for name in one.fields)})
    columns = "".join(f", f.{quote_identifier(name)}" for name in names)
    moment = bind(question.layer.moment.at, "timestamptz") if question.layer.moment else Clause("now()")
    more = compose(f", {OPEN} AND f.due_at < {{}} AS is_overdue", moment) if state else EMPTY
    if any(one.returns for one in measures):
        more = join("", (more, compose(f", {{}} AS {RETURNED}", _was_returned(question))))
    key, before, after = _key(question)
    source = relation(
        question.layer,
        question.actor,
        where,
        columns_in(key, columns, more.text, before, after, condition.text),
    )
    chosen = compose(f"SELECT {key} AS key{columns}{{}} FROM {before}{{}}{after} WHERE {{}}", more, source, condition)
    return compose(f"SELECT f.key, {sums} FROM ({{}}) AS f GROUP BY f.key", chosen)


def _was_returned(question: Question) -> Clause:
    """Return the condition that an event was sent back, as far as the actor may see what it was then.

    Of a moment, by what had happened; on the basis `known` by what had arrived.
    """
    moment = question.layer.moment
    last = (moment.at if moment else datetime.now(UTC)) + _TICK  # the end of a span is not in it
    known = moment.at if moment and moment.basis == "known" else None
    past = throughout(question.layer, question.actor, "version", _EARLIEST, last, known)
    then = Clause("f.id = o.asked AND f.stage = 'returned'")
    condition = scoped(past, question.actor, then)
    return compose(_WAS_RETURNED, relation(past, question.actor, then, columns_in(condition.text)), condition)


def _key(question: Question) -> tuple[str, str, str]:
    """Return the SQL of the key of a feature's area, and the FROM items before and after the features."""
    by = question.by
    is_point = question.layer.definition.geometry_type == "Point"
    point = "f.geom" if is_point else "onemap.point_of(f.geom)"
    match by.kind:
        case "code" | "field" | "time":
            return _own_key(question), "", ""
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


def _own_key(question: Question) -> str:
    """Return the SQL of a key that a feature has by itself: a code, the value of a field, the step of its time."""
    by = question.by
    if by.kind == "time":
        return step_key(str(question.time), by.size)
    return by.key if by.kind == "code" else f"f.{quote_identifier(by.key)}"


def statement(
    question: Question, areas: Clause, bins: Clause, counts: Clause, baseline: Clause, before: Clause
) -> Clause:
    """Build the statement: a row for each area, ordered by its key, and a last row with the key null for the total.

    Parameters
    ----------
    areas
        `key, id, name, km2, people, geom, shape` of the areas.
    bins
        The bins of hexagons, over `area`; empty for other groupings.
    counts, baseline, before
        The queries of `counted`, `past` and `compared`, or others with their columns.

    Returns
    -------
    Clause
        Columns `key, id, name, km2, people, count, open, overdue, mean, squares, geometry, before` and one for each
        measure, `measure_0` and so on; in the row for the total,
        `count` is the number of matching features in and outside of the areas.
    """
    partition = question.by.kind in {"code", "square", "field", "time"}
    measures = "".join(f", c.measure_{n}" for n in range(len(question.measures)))
    nothing = ", NULL" * len(question.measures)
    total = Clause("SELECT coalesce(sum(count), 0)::bigint FROM counted") if partition else _total(question)
    named = {"area": areas, "bin": bins, "counted": counts, "past": baseline, "before": before}
    if question.by.kind == "field":
        named = {"counted": named.pop("counted"), **named}  # the codes are those of a list, and those that are counted
    return compose(
        f"""WITH {{}}
        SELECT area.key, area.id, area.name, area.km2, area.people, coalesce(c.count, 0) AS count,
            {"coalesce(c.open, 0)" if question.knows_stage else "NULL::bigint"} AS open,
            {"coalesce(c.overdue, 0)" if question.knows_stage else "NULL::bigint"} AS overdue,
            {"coalesce(p.mean, 0)" if question.has_baseline else "NULL::float8"} AS mean,
            {"coalesce(p.squares, 0)" if question.has_baseline else "NULL::float8"} AS squares, area.shape AS geometry,
            {"coalesce(b.n, 0)" if question.compares else "NULL::bigint"} AS before{measures}
        FROM area LEFT JOIN counted AS c ON c.key = area.key LEFT JOIN past AS p ON p.key = area.key
        LEFT JOIN before AS b ON b.key = area.key
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, NULL, ({{}}), NULL, NULL, NULL, NULL, NULL, NULL{nothing}
        ORDER BY 1 NULLS LAST""",
        join(", ", (compose(f"{name} AS MATERIALIZED ({{}})", part) for name, part in named.items() if part)),
        total,
    )


def _total(question: Question) -> Clause:
    where = join(" AND ", (question.where, in_span(question)))
    condition = scoped(question.layer, question.actor, where)
    source = relation(question.layer, question.actor, where, columns_in(condition.text))
    return compose("SELECT count(*) FROM {} WHERE {}", source, condition)
