"""A district in which much happens: events of several grades, warnings, places under water."""

from __future__ import annotations

from layers.database.connection import connect
from layers.definition import read_definitions
from layers.schema.tables import refresh_statistics

_HAPPENED = """
INSERT INTO layer.events (id, geom, grid_code, area_code, source, event_class, severity, stage, title,
    occurred_at, accepted_at, closed_at, due_at, data_grade)
SELECT 'e' || n, ST_PointOnSurface(g.geom), g.grid_code, left(g.grid_code, 12),
    (ARRAY['hotline', 'grid_case', 'iot_alarm'])[1 + n % 3], (ARRAY['0101', '0102', '0406', NULL])[1 + n % 4],
    (1 + n % 3)::text, (ARRAY['closed', 'handle', 'file', 'merged', 'verify'])[1 + n % 5], '事件 ' || n,
    now() - n * interval '29 minutes', now() - n * interval '29 minutes' + interval '6 minutes',
    CASE WHEN n % 5 = 0 THEN now() - n * interval '20 minutes' END,
    now() - n * interval '29 minutes' + (n % 9) * interval '1 day', 1 + n % 4
FROM generate_series(1, 1200) AS n JOIN (
    SELECT *, row_number() OVER (ORDER BY grid_code) AS place, count(*) OVER () AS all_of_them FROM layer.grids
) AS g ON g.place = 1 + (n * n) % (g.all_of_them / 2);
INSERT INTO layer.events (id, source, stage, title, severity, occurred_at, due_at, data_grade,
    area_code) VALUES
    ('w1', 'weather_warning', 'file', '暴雨红色预警', 'red', now() - interval '1 hour', now() + interval '1 hour',
        1, '440106'),
    ('w2', 'weather_warning', 'file', '过期预警', 'blue', now() - interval '9 hours', now() - interval '1 hour',
        1, '440106');
INSERT INTO twin.observation_now (id, property, value, phenomenon_time)
SELECT f.id, 'water_depth_m', 0.1 * row_number() OVER (ORDER BY f.id), now() - interval '5 minutes'
FROM layer.flood_risk_points AS f;
"""


async def put_events(url):
    """Let 1,200 events happen in the last weeks, in half of the grids."""
    connection = await connect(url)
    try:
        await connection.execute(_HAPPENED)
        await refresh_statistics(connection, read_definitions()["events"])
    finally:
        await connection.close()


async def let_none_fall_silent(url):
    """Let sensors report once a day, so that none goes offline between two requests of a test."""
    tables = [
        name for name, one in read_definitions().items() if any(f.name == "report_interval_s" for f in one.fields)
    ]
    connection = await connect(url)
    try:
        await connection.execute(";".join(f"UPDATE layer.{table} SET report_interval_s = 86400" for table in tables))
    finally:
        await connection.close()
