"""The tables of the benchmarks: created through OneMap, seeded, the same on every machine.

Ours lie in schema `layer`, in CGCS2000 (EPSG:4490). Stock pygeoapi and TiPg are at their best with EPSG:4326 (stock
pygeoapi filters other systems wrongly, TiPg would transform every geometry), so they read copies in schema `peers`
that differ only in the number of the coordinate system: same rows in the same order, same columns and indexes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import asyncpg

from layers.clause import quote_identifier
from layers.database.connection import Role, connect
from layers.definition import FieldDefinition, FieldType, GeometryType, LayerDefinition, MapHints
from layers.schema.migrate import migrate
from layers.schema.tables import create_layer, refresh_statistics, sync_definitions, table_of

PEERS_SCHEMA = "peers"
WEST, SOUTH, EAST, NORTH = 113.29, 23.10, 113.44, 23.24  # about the outline of Tianhe


@dataclass(frozen=True, slots=True)
class BenchmarkTable:
    """A benchmark table: its name, its number of rows at scale 1, and the SQL of its columns.

    Attributes
    ----------
    columns
        SQL expressions over a row number `n` from 1, and `x`, `y` (degrees): the geometry, then one a field.
    """

    layer_id: str
    rows: int
    geometry_type: GeometryType
    geometry: str
    fields: dict[str, tuple[FieldType, str]]
    map: MapHints = field(default_factory=MapHints)

    @property
    def definition(self) -> LayerDefinition:
        """The definition of the layer, visible to everybody."""
        fields = (
            FieldDefinition(name=name, title_zh=name, title_en=name, type=kind)
            for name, (kind, _) in self.fields.items()
        )
        return LayerDefinition(
            id=self.layer_id,
            title_zh=self.layer_id,
            title_en=self.layer_id,
            geometry_type=self.geometry_type,
            grade=1,
            synthetic=True,
            map=self.map,
            fields=tuple(fields),
        )


def _ring(vertices: int, radius_deg: str) -> str:
    """Return SQL of a closed star-shaped ring around (x, y) with this many vertices, the last one the first again."""
    corner = f"""ST_MakePoint(
        x + {radius_deg} * (0.8 + 0.2 * sin(5 * a + n)) * cos(a),
        y + {radius_deg} * (0.8 + 0.2 * sin(5 * a + n)) * sin(a))"""
    angles = (
        f"(SELECT 2 * pi() * (k % {vertices - 1}) / {vertices - 1} AS a, k FROM generate_series(0, {vertices - 1}) k)"
    )
    return f"ST_MakePolygon((SELECT ST_MakeLine({corner} ORDER BY k) FROM {angles} AS angles))"


_LINE = """(SELECT ST_MakeLine(ST_MakePoint(
        x + 0.0002 * k, y + 0.0008 * sin(0.13 * k + n) + 0.0001 * sin(1.7 * k)) ORDER BY k)
    FROM generate_series(0, 99) k)"""

TABLES = (
    BenchmarkTable(
        "bench_points",
        200_000,
        "Point",
        "ST_MakePoint(x, y)",
        {
            "name": ("string", "'视频点 ' || n"),
            "device_id": ("string", "'44010600001320' || lpad(n::text, 6, '0')"),
            "camera_type": ("string", "(n % 4 + 1)::text"),
            "status": ("string", "CASE WHEN n % 17 = 0 THEN 'offline' ELSE 'online' END"),
            "installed": ("date", "date '2015-01-01' + (n * 7919 % 3650)::int"),
            "grid_code": ("string", "'440106011001' || lpad((n % 2000)::text, 3, '0')"),
            "azimuth_deg": ("number", "(n * 37 % 3600) / 10.0"),
            "mount_height_m": ("number", "3 + (n * 13 % 90) / 10.0"),
            "data_grade": ("integer", "1"),
        },
        MapHints(tile_fields=("camera_type", "status"), gather_below=14, count_by="status"),
    ),
    BenchmarkTable(
        "bench_buildings",
        100_000,
        "Polygon",
        _ring(9, "(0.00008 + 0.00000006 * (n % 1000))"),
        {
            "name": ("string", "'建筑 ' || n"),
            "usage_code": ("string", "'U' || (n % 9)"),
            "status": ("string", "CASE WHEN n % 50 = 0 THEN 'closed' ELSE 'in_use' END"),
            "height_m": ("number", "3 + (n * 31 % 900) / 10.0"),
            "floors_above": ("integer", "1 + (n * 31 % 300) / 10"),
            "built_year": ("integer", "1970 + n % 55"),
            "data_grade": ("integer", "1"),
        },
        MapHints(tile_fields=("usage_code", "height_m")),
    ),
    BenchmarkTable(
        "bench_grids",
        2_000,
        "Polygon",
        _ring(45, "0.0015"),
        {
            "name": ("string", "'网格 ' || n"),
            "grid_code": ("string", "'440106011001' || lpad(n::text, 4, '0')"),
            "data_grade": ("integer", "1"),
        },
    ),
    BenchmarkTable(
        "bench_waterways",
        2_000,
        "LineString",
        _LINE,
        {"name": ("string", "'河涌 ' || n"), "width_m": ("number", "4 + n % 40"), "data_grade": ("integer", "1")},
    ),
)


async def make_tables(url: str, scale: float = 1.0) -> None:
    """Migrate the database and create the tables with their copies for the peers, unless they exist.

    Parameters
    ----------
    url
        A database of the benchmark's own.
    scale
        Share of the rows; 1 for figures, less for trials.
    """
    await migrate(url)
    await sync_definitions(url)  # the service's own layers, empty: our server needs them
    connection = await connect(url, Role.OWNER)
    try:
        known = await connection.fetch("SELECT id FROM onemap.layer")
        if {row["id"] for row in known}.issuperset(table.layer_id for table in TABLES):
            return
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {PEERS_SCHEMA}")
        for table in TABLES:
            async with connection.transaction():
                await _fill(connection, table, max(1, round(table.rows * scale)))
                await _copy_for_peers(connection, table)
    finally:
        await connection.close()
    await _vacuum(url)


async def _fill(connection: asyncpg.Connection, table: BenchmarkTable, rows: int) -> None:
    """Create the layer and its rows, at places from a seeded generator."""
    await create_layer(connection, table.definition)
    values = ", ".join(expression for _, expression in table.fields.values())
    await connection.execute("SELECT setseed(0.440106)")
    await connection.execute(
        f"""INSERT INTO {table_of(table.layer_id)} ({_names(table)})
        SELECT lpad(n::text, 7, '0'), ST_SetSRID({table.geometry}, 4490), {values}
        FROM (SELECT n, {WEST} + {EAST - WEST:.6f} * random() AS x, {SOUTH} + {NORTH - SOUTH:.6f} * random() AS y
              FROM generate_series(1, {rows}) AS n) AS place"""
    )
    if "status" in table.fields:
        await connection.execute(f"CREATE INDEX ON {table_of(table.layer_id)} (status)")
    await refresh_statistics(connection, table.definition)


async def _copy_for_peers(connection: asyncpg.Connection, table: BenchmarkTable) -> None:
    ours, theirs = table_of(table.layer_id), f"{PEERS_SCHEMA}.{quote_identifier(table.layer_id)}"
    kind = f"geometry({table.geometry_type}, 4326)"
    await connection.execute(f"CREATE TABLE {theirs} (LIKE {ours} INCLUDING ALL)")
    await connection.execute(f"ALTER TABLE {theirs} ALTER COLUMN geom TYPE {kind} USING ST_SetSRID(geom, 4326)")
    values = _names(table).replace('"geom"', "ST_SetSRID(geom, 4326)")
    await connection.execute(f"INSERT INTO {theirs} ({_names(table)}) SELECT {values} FROM {ours} ORDER BY id")


def _names(table: BenchmarkTable) -> str:
    return ", ".join(quote_identifier(name) for name in ("id", "geom", *table.fields))


async def _vacuum(url: str) -> None:
    """Leave no work for autovacuum during the measurements."""
    connection = await connect(url, role=None)
    try:
        await connection.execute("VACUUM (FREEZE, ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
