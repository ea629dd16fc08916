"""The events as of a moment: each the versions of it that count then, laid over each other as its writer does.

Events that no feed brought (a file was loaded) have no versions; of those the times of their steps tell.
"""

from __future__ import annotations

from layers.clause import Clause, compose, quote_identifier
from layers.definition import LayerDefinition
from layers.tables import table_of

_STEPS = ("reported_at", "accepted_at", "dispatched_at", "handled_at", "verified_at", "closed_at")
_WARNING_IS_OVER = "w.cap IS NOT NULL AND w.due_at IS NOT NULL AND coalesce(w.stage, '') <> 'closed' AND w.due_at <= {}"


def events_at(definition: LayerDefinition, at: Clause, *, known: bool) -> Clause:
    """Return the statement of the events' rows, with the columns of the table.

    Parameters
    ----------
    at
        The moment, bound.
    known
        Whether what had arrived by then counts; otherwise what had happened.
    """
    return compose("{} UNION ALL {}", _of_feeds(definition, at, known=known), _of_files(definition, at, known=known))


def _of_feeds(definition: LayerDefinition, at: Clause, *, known: bool) -> Clause:
    until = "v.ingested_at <= {}" if known else "v.phenomenon_time <= {}"
    shown = Clause("TRUE") if known else compose("coalesce(w.occurred_at, w.phenomenon_time) <= {}", at)
    ended = compose(_WARNING_IS_OVER, at)
    columns = {
        "data_grade": "e.data_grade",
        "updated_at": "w.phenomenon_time",
        "stage": "CASE WHEN over.now THEN 'closed' ELSE w.stage END",
        "closed_at": "CASE WHEN over.now THEN w.due_at ELSE w.closed_at END",
    }
    fields = ", ".join(
        f"{columns.get(field.name, f'w.{quote_identifier(field.name)}')} AS {quote_identifier(field.name)}"
        for field in definition.stored_fields
    )
    return compose(
        f"""SELECT e.id, ST_SetSRID(ST_MakePoint(
            (folded.state ->> 'lon')::float8, (folded.state ->> 'lat')::float8), 4490) AS geom, {fields}
        FROM {table_of(definition.id)} AS e
        CROSS JOIN LATERAL (
            SELECT twin.laid_over(v.record ORDER BY v.phenomenon_time, v.source_version, v.message) AS state
            FROM twin.event_version AS v WHERE v.event_id = e.id AND {until} HAVING count(*) > 0
        ) AS folded
        CROSS JOIN LATERAL jsonb_populate_record(NULL::{table_of(definition.id)}, folded.state) AS w
        CROSS JOIN LATERAL (SELECT {{}} AS now) AS over
        WHERE {{}}""",
        at,
        ended,
        shown,
    )


def _of_files(definition: LayerDefinition, at: Clause, *, known: bool) -> Clause:
    cut = {name: compose(f"CASE WHEN r.{name} <= {{}} THEN r.{name} END AS {name}", at) for name in _STEPS}
    steps = ", ".join(f"r.{name}" for name in _STEPS[1:])
    cut["stage"] = compose(f"onemap.stage_at({{}}, r.stage, {steps}) AS stage", at)
    names = [field.name for field in definition.stored_fields]
    columns = [Clause("r.id"), Clause("r.geom"), *(cut.get(n, Clause(f"r.{quote_identifier(n)}")) for n in names)]
    happened = compose("coalesce(r.occurred_at, r.phenomenon_time, r._known_since) <= {}", at)
    shown = compose("r._known_since <= {} AND {}", at, happened) if known else happened
    listed = compose(", ".join("{}" for _ in columns), *columns)
    return compose(
        f"""SELECT {{}} FROM {table_of(definition.id)} AS r
        WHERE NOT EXISTS (SELECT FROM twin.event_version AS v WHERE v.event_id = r.id) AND {{}}""",
        listed,
        shown,
    )
