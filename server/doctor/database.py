"""Checks of the database: versions, rights, migrations, indexes, statistics, topology."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg

from layers.catalog import read_catalog
from layers.database.connection import connected
from layers.errors import OneMapError
from layers.schema.database_check import find_missing
from layers.schema.migrate import edited_migrations, migration_files, pending
from layers.schema.topology import topology_notes
from server.doctor.machine import Finding, FindingState, well
from twin.jobs.leader import ingest_works

_HAS_CHECKSUMS = """
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'onemap.migration'::regclass AND attname = 'checksum')
"""
_STALE_SHARE = 0.2  # twice autovacuum's default
_STALE_ROWS = 1000

_TABLES = """
SELECT
    t.relname AS layer,
    s.n_live_tup AS live,
    s.n_mod_since_analyze AS changed,
    t.reltuples AS planned,
    EXISTS (
        SELECT 1 FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
        WHERE a.attrelid = t.oid AND a.attname = 'geom' AND y.typname = 'geometry'
    ) AS spatial,
    EXISTS (
        SELECT 1 FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_am AS m ON m.oid = c.relam
        JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = t.oid AND i.indisvalid AND m.amname = 'gist' AND a.attname = 'geom'
    ) AS indexed,
    EXISTS (SELECT 1 FROM pg_index AS i WHERE i.indrelid = t.oid AND i.indisprimary) AS keyed
FROM pg_class AS t
JOIN pg_namespace AS n ON n.oid = t.relnamespace
LEFT JOIN pg_stat_user_tables AS s ON s.relid = t.oid
WHERE n.nspname = 'layer' AND t.relkind = 'r'
ORDER BY t.relname
"""


async def examine_database(url: str) -> AsyncIterator[Finding]:
    """Check the database at `url` without changing it; the checks end at the first one that others depend on."""
    try:
        missing = await find_missing(url)
    except OneMapError as error:
        yield Finding(
            FindingState.WRONG, "数据库 database", error.message, "is it running? is ONEMAP_DATABASE_URL right?"
        )
        return
    for sentence in missing:
        detail, _, remedy = sentence.partition("; ")
        yield Finding(FindingState.WRONG, "数据库 database", detail, remedy or "install or upgrade it")
    if missing:
        return
    async with connected(url, role=None) as connection:
        for finding in await _versions(connection):
            yield finding
        finding = await _migrations(connection, url)
        yield finding
        if finding.state is FindingState.WELL:
            for finding in (*await _edited(connection), *await _layers(connection), *await _topology(connection)):
                yield finding
            yield await _ingest(connection)


async def _versions(connection: asyncpg.Connection) -> list[Finding]:
    found = await connection.fetchrow(
        "SELECT current_setting('server_version') AS server, "
        "pg_size_pretty(pg_database_size(current_database())) AS size"
    )
    findings = [well("PostgreSQL", f"{found['server']}, {found['size']}")]
    if not await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'"):
        return [*findings, well("PostGIS", "available; ./onemap up puts it into the database")]
    row = await connection.fetchrow(
        "SELECT postgis_lib_version() AS postgis, postgis_geos_version() AS geos, postgis_proj_version() AS proj"
    )
    names = {"postgis": "PostGIS", "geos": "GEOS", "proj": "PROJ"}
    return [*findings, *(well(names[key], value.split()[0]) for key, value in row.items())]


async def _migrations(connection: asyncpg.Connection, url: str) -> Finding:
    subject = "迁移 migrations"
    waiting = await pending(url)
    if waiting:
        return Finding(
            FindingState.WARNING,
            subject,
            f"{len(waiting)} not applied: {', '.join(waiting)}",
            "./onemap up applies them",
        )
    applied = {row["name"] for row in await connection.fetch("SELECT name FROM onemap.migration")}
    unknown = sorted(applied - {path.stem for path in migration_files()})
    if unknown:
        return Finding(
            FindingState.WRONG, subject, f"the database is newer: it has {', '.join(unknown)}", "update OneMap"
        )
    return well(subject, f"all {len(applied)} applied")


async def _edited(connection: asyncpg.Connection) -> list[Finding]:
    changed = await edited_migrations(connection) if await connection.fetchval(_HAS_CHECKSUMS) else []
    detail = f"edited after they were applied here: {', '.join(changed)}"
    remedy = "compare with the release; see docs/decisions/migration-checksums.md"
    return [Finding(FindingState.WARNING, "迁移 migrations", detail, remedy)] if changed else []


async def _ingest(connection: asyncpg.Connection) -> Finding:
    subject, ingest = "接入进程 ingest process", await ingest_works(connection)
    if ingest["working"]:
        return well(subject, f"process {ingest['process']} on {ingest['host']} works, since {ingest['since']}")
    last = "never"
    if "process" in ingest:
        last = f"the last, process {ingest['process']} on {ingest['host']}, at {ingest['seen_at']}"
    detail = f"none works ({last}): nothing is fetched, no rule looks; what is pushed is taken"
    return Finding(FindingState.WARNING, subject, detail, "./onemap up starts one; its messages are on standard error")


async def _topology(connection: asyncpg.Connection) -> list[Finding]:
    """Check that grids, communities and streets fill the areas above them and carry codes of this district."""
    subject, remedy = "拓扑 topology", "mend the file, then ./onemap load FILE --layer NAME --mode replace"
    wrong = [Finding(FindingState.WARNING, subject, note, remedy) for note in await topology_notes(connection)]
    return wrong or [well(subject, "areas tile the areas above them, with codes of this district")]


async def _layers(connection: asyncpg.Connection) -> list[Finding]:
    catalog = await read_catalog(connection)
    tables = {row["layer"]: row for row in await connection.fetch(_TABLES)}
    findings = [
        Finding(FindingState.WRONG, f"图层 layer {name}", "is in the catalogue and has no table", "load it again")
        for name in catalog
        if name not in tables
    ]
    for name, row in tables.items():
        findings += _judge_table(name, row)
    rows = sum(layer.row_count for layer in catalog.values())
    return findings or [well("图层 layers", f"{len(catalog)}, {rows:,} rows, all with indexes and fresh statistics")]


def _judge_table(name: str, row: asyncpg.Record) -> list[Finding]:
    subject, table, found = f"图层 layer {name}", f'layer."{name}"', []
    if row["spatial"] and not row["indexed"]:
        remedy = f"CREATE INDEX ON {table} USING gist (geom)"
        found.append(
            Finding(FindingState.WRONG, subject, "has no spatial index: every map window reads all of it", remedy)
        )
    if not row["keyed"]:
        remedy = f"ALTER TABLE {table} ADD PRIMARY KEY (id)"
        found.append(
            Finding(FindingState.WRONG, subject, "has no primary key: pages and single features are slow", remedy)
        )
    changed, live = row["changed"] or 0, row["live"] or 0
    never = row["planned"] < 0 and live > _STALE_ROWS
    if never or changed > _STALE_ROWS + _STALE_SHARE * live:
        detail = f"statistics are stale: {changed:,} of {live:,} rows changed since"
        found.append(Finding(FindingState.WARNING, subject, detail, f"ANALYZE {table}"))
    return found
