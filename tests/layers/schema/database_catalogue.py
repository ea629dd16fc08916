"""The objects of OneMap's schemas in PostgreSQL's catalogue, as text by which two databases are compared."""

from __future__ import annotations

import asyncpg

_OURS = "('onemap', 'twin', 'layer', 'past')"
_ACL = "(SELECT array_agg(entry::text ORDER BY entry::text) FROM unnest({}) AS entry)"

_QUERIES = {
    "functions": f"""
        SELECT p.oid::regprocedure::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname,
            p.prokind, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proretset, p.procost, p.prorows,
            p.proconfig, p.prosrc, pg_get_userbyid(p.proowner), {_ACL.format("p.proacl")}, obj_description(p.oid),
            a.aggtransfn, a.agginitval
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang
        LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid WHERE n.nspname IN {_OURS}""",
    "triggers": f"""
        SELECT t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN {_OURS} AND NOT t.tgisinternal""",
    "relations": f"""
        SELECT c.oid::regclass::text, c.relkind, c.reloptions, pg_get_partkeydef(c.oid),
            pg_get_expr(c.relpartbound, c.oid), pg_get_userbyid(c.relowner), {_ACL.format("c.relacl")},
            obj_description(c.oid, 'pg_class')
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname IN {_OURS}""",
    "columns": f"""
        SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            a.attgenerated, a.attcompression, a.attcollation::regcollation::text, pg_get_expr(d.adbin, d.adrelid),
            row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE n.nspname IN {_OURS} AND a.attnum > 0 AND NOT a.attisdropped""",
    "indexes": f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname IN {_OURS}",
    "constraints": f"""
        SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid)
        FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace WHERE n.nspname IN {_OURS}""",
    "schemas": f"SELECT nspname, {_ACL.format('nspacl')} FROM pg_namespace WHERE nspname IN {_OURS}",
    "default rights": f"""
        SELECT n.nspname, d.defaclobjtype, {_ACL.format("d.defaclacl")}
        FROM pg_default_acl AS d JOIN pg_namespace AS n ON n.oid = d.defaclnamespace WHERE n.nspname IN {_OURS}""",
}

type DatabaseCatalogue = dict[str, list[str]]


async def read_database_catalogue(connection: asyncpg.Connection) -> DatabaseCatalogue:
    """Return functions, triggers, tables, columns, indexes, constraints and rights, each sorted."""
    return {kind: sorted(repr(tuple(row)) for row in await connection.fetch(query)) for kind, query in _QUERIES.items()}
