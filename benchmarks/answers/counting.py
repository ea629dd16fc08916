"""One million events counted in each grid."""

from __future__ import annotations

from benchmarks.answers.asking import AnswerCase, ask
from benchmarks.answers.filled import is_filled
from benchmarks.results import Figure, at_least
from benchmarks.rights.callers import InProcess
from layers.database.connection import connect
from layers.schema.tables import table_of

EVENTS = 1_000_000
COUNT_MS = 500.0
_QUESTIONS = 20
_FILL = f"""
INSERT INTO {table_of("events")} (id, geom, name, title, source, source_event_id, event_class, stage, severity,
    occurred_at, reported_at, due_at, grid_code, area_code, data_grade)
SELECT 'bench-' || n, ST_PointOnSurface(g.geom), 'bench', 'bench', 'bench', n::text,
    (ARRAY['urban_management', 'flood', 'fire'])[1 + n % 3],
    (ARRAY['filed', 'dispatched', 'closed'])[1 + n % 3], (ARRAY['general', 'major'])[1 + n % 2],
    timestamptz '2026-06-01' + n * interval '2 seconds', timestamptz '2026-06-01' + n * interval '2 seconds',
    timestamptz '2026-06-02' + n * interval '2 seconds', g.id, g.area_code, 2
FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS grids FROM {table_of("grids")}) AS g
JOIN generate_series(1, $1::int) AS n ON n % g.grids = g.place"""


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure the count of all events by grid, and of those of a filter."""
    number = max(round(EVENTS * share), 1000)
    connection = await connect(url)
    try:
        if not await is_filled(connection, "events", number, "bench-%"):
            await connection.execute(_FILL, number)
            await connection.execute(f"VACUUM ANALYZE {table_of('events')}")
    finally:
        await connection.close()
    times = max(round(_QUESTIONS * share), 3)
    every = "/twin/aggregate?layer=events&by=grid&f=json"
    open_ones = f"{every}&filter=stage%20%3C%3E%20%27closed%27"
    return [
        at_least("events to be counted", "rows", float(number), None),
        *await ask(app, AnswerCase("events counted by grid", [every] * times, COUNT_MS)),
        *await ask(app, AnswerCase("… of a filter", [open_ones] * times, COUNT_MS)),
    ]
