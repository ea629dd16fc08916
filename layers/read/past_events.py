"""The events as of a moment: the versions of each event up to then, folded as the writer of events folds them.

Events that were loaded from a file have no versions; their state follows from the times of their steps.
"""

from __future__ import annotations

from layers.clause import EMPTY, Clause, compose, quote_identifier, quote_literal
from layers.definition import FieldDefinition, LayerDefinition
from layers.read.facts import TIME, VERSION
from layers.schema.tables import COLUMN_TYPES, table_of

_PLACE = "ST_SetSRID(ST_MakePoint((w.state ->> 'lon')::float8, (w.state ->> 'lat')::float8), 4490) AS geom"
_FOUND_BY = "jsonb_build_object('address_id', NULL, 'location_confidence', NULL)"
_LAID_OVER = f"""twin.laid_over(
                CASE WHEN v.record ? 'lon' THEN {_FOUND_BY} || v.record ELSE v.record END
                ORDER BY v.phenomenon_time, v.source_version, v.message
            )"""  # a place ends what another was found by
_STEPS = ("reported_at", "accepted_at", "dispatched_at", "handled_at", "verified_at", "closed_at")


def events_at(definition: LayerDefinition, at: Clause, *, known: bool) -> tuple[Clause, ...]:
    """Return the statements of the events' rows, with the columns of the table; each event is in one of them.

    Most events have no later version and are read from the table. The others are folded from their versions, and
    events of files are cut at the moment.

    Parameters
    ----------
    at
        The moment, bound.
    known
        Whether versions count that had arrived by the moment; otherwise those of what had happened.
    """
    clock = "v.ingested_at" if known else "v.phenomenon_time"
    until = compose(f"v.event_id = e.id AND {clock} <= {{}}", at)
    shown = compose("EXISTS (SELECT FROM twin.event_version AS v WHERE {})", until)
    if not known:
        shown = compose("(e.occurred_at IS NULL OR e.occurred_at <= {}) AND {}", at, shown)
    later = compose(f"EXISTS (SELECT FROM twin.event_version AS v WHERE v.event_id = e.id AND {clock} > {{}})", at)
    return (
        _current(definition, compose("{} AND NOT {} AND e.cap IS NULL", shown, later)),
        _fold(definition, at, until, compose("{} AND ({} OR e.cap IS NOT NULL)", shown, later)),
        _of_files(definition, at, known=known),
    )


def _current(definition: LayerDefinition, shown: Clause) -> Clause:
    columns = ", ".join(f"e.{quote_identifier(name)}" for name in ("id", "geom", *_names(definition)))
    return compose(f"SELECT {columns} FROM {table_of(definition.id)} AS e WHERE {{}}", shown)


def _names(definition: LayerDefinition) -> list[str]:
    return [field.name for field in definition.stored_fields]


def _fold(definition: LayerDefinition, at: Clause, until: Clause, shown: Clause) -> Clause:
    """Fold the versions of each event; PostgreSQL computes only the selected columns, and no fold for none of them."""
    over = compose(f"({_is_over()})", at)
    columns = [_field(field, over) for field in definition.stored_fields]
    return compose(
        f"""SELECT e.id, {_PLACE}, {", ".join("{}" for _ in columns)}
        FROM {table_of(definition.id)} AS e
        LEFT JOIN LATERAL (
            SELECT {_LAID_OVER} AS state
            FROM twin.event_version AS v WHERE {{}}
        ) AS w ON true
        WHERE {{}}""",
        *columns,
        until,
        shown,
    )


def versions_of_events(definition: LayerDefinition, start: Clause, end: Clause, known: Clause) -> Clause:
    """Return the statement of the versions of a span, each as the event was after it, by what had happened.

    Parameters
    ----------
    start, end
        The span, bound; its end is not in it.
    known
        Bound, the moment by which versions had arrived; empty for all of them.
    """
    facts = {VERSION: "p.source_version", TIME: "p.phenomenon_time"}
    over = compose(f"({_is_over()})", Clause("p.phenomenon_time"))
    stored = [field for field in definition.stored_fields if field.name not in facts]
    columns = [_field(field, over) for field in stored]
    columns += [Clause(f"{value} AS {name}") for name, value in facts.items()]
    arrived = compose(" AND p.ingested_at <= {}", known) if known else EMPTY
    before = compose(" AND v.ingested_at <= {}", known) if known else EMPTY
    until = "(v.phenomenon_time, v.source_version, v.message) <= (p.phenomenon_time, p.source_version, p.message)"
    return compose(
        f"""SELECT p.event_id AS id, p.phenomenon_time AS _at, {_PLACE}, {", ".join("{}" for _ in columns)}
        FROM twin.event_version AS p JOIN {table_of(definition.id)} AS e ON e.id = p.event_id
        CROSS JOIN LATERAL (
            SELECT {_LAID_OVER} AS state
            FROM twin.event_version AS v WHERE v.event_id = p.event_id AND {until}{{}}
        ) AS w
        WHERE p.phenomenon_time >= {{}} AND p.phenomenon_time < {{}}{{}}""",
        *columns,
        before,
        start,
        end,
        arrived,
    )


def _is_over() -> str:
    """Return the condition that a warning had expired by the moment, which closes it without a message."""
    due, stage = _value_in_fold("due_at", "timestamptz"), _value_in_fold("stage", "text")
    return f"w.state ? 'cap' AND coalesce({stage}, '') <> 'closed' AND coalesce({due} <= {{}}, false)"


def _field(field: FieldDefinition, over: Clause) -> Clause:
    name = quote_identifier(field.name)
    if field.name == "data_grade":
        return Clause(f"e.{name}")
    if field.name == "updated_at":
        return Clause(f"{_value_in_fold('phenomenon_time', 'timestamptz')} AS {name}")
    said = _value_in_fold(field.name, COLUMN_TYPES[field.type])
    if field.name == "place_fault":
        return Clause(f"CASE WHEN NOT w.state ? 'lon' THEN {said} END AS {name}")
    if field.name == "stage":
        return compose(f"CASE WHEN {{}} THEN 'closed' ELSE {said} END AS {name}", over)
    if field.name == "closed_at":
        return compose(f"CASE WHEN {{}} THEN {_value_in_fold('due_at', 'timestamptz')} ELSE {said} END AS {name}", over)
    return Clause(f"{said} AS {name}")


def _value_in_fold(name: str, kind: str) -> str:
    """Return the value of a field in the fold, in the type of its column."""
    key = quote_literal(name)
    if kind == "jsonb":
        return f"w.state -> {key}"
    if kind == "text[]":
        listed = f"ARRAY(SELECT jsonb_array_elements_text(w.state -> {key}))"
        return f"CASE WHEN jsonb_typeof(w.state -> {key}) = 'array' THEN {listed} END"
    return f"(w.state ->> {key})::{kind}"


def _of_files(definition: LayerDefinition, at: Clause, *, known: bool) -> Clause:
    cut = {name: compose(f"CASE WHEN r.{name} <= {{}} THEN r.{name} END AS {name}", at) for name in _STEPS}
    steps = ", ".join(f"r.{name}" for name in _STEPS[1:])
    cut["stage"] = compose(f"onemap.stage_at({{}}, r.stage, {steps}) AS stage", at)
    kept = (cut.get(name, Clause(f"r.{quote_identifier(name)}")) for name in _names(definition))
    columns = [Clause("r.id"), Clause("r.geom"), *kept]
    happened = compose("coalesce(r.occurred_at, r.phenomenon_time, r._known_since) <= {}", at)
    shown = compose("r._known_since <= {} AND {}", at, happened) if known else happened
    listed = compose(", ".join("{}" for _ in columns), *columns)
    return compose(
        f"""SELECT {{}} FROM {table_of(definition.id)} AS r
        WHERE NOT EXISTS (SELECT FROM twin.event_version AS v WHERE v.event_id = r.id) AND {{}}""",
        listed,
        shown,
    )
