"""The collections as views of one reader's schema, with the rights of the one query builder.

A view reads a function of its own, and the function the layer. PostgreSQL never writes such a function (SECURITY
DEFINER) into the statement around it: a condition of the reader is tested on the rows that come out, and neither a
function in it, nor EXPLAIN, nor the planner's statistics meet a hidden row or a hidden field. And tables have nothing
that depends on them, so that loads may replace them.

So no condition on a view reaches an index. Two functions of the view's name take one inside: `of_ids` and `in_box`.
They use the index where the layer has no row that is hidden from the reader, and read all of it where it has one: what
an index finds and rights then drop is told by EXPLAIN in its counts of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, compose, quote_identifier, quote_literal
from layers.columns.literals import with_literals
from layers.columns.shape import free_name
from layers.definition import GRADE
from layers.layer_rights import rights_of
from layers.read.relation import relation
from layers.read.rights import rights_at, scoped, visible_fields
from layers.schema.tables import COLUMN_TYPES, SRID

PREFIX = "sql_"
"""Of roles and of their schemas, before the reader's name."""
_QUOTE = "$onemap_view$"
_SHAPE_VERSION = 2  # counts changes of the statements below


_ARGUMENTS = (
    ("of_ids", "text[]", "{}.id = ANY ($1)"),
    ("in_box", "geometry", f"{{}}.geom && (SELECT ST_Transform($1, {SRID}))"),
)
"""Name, type and condition of what the functions of parts take."""


def schema_of(name: str) -> str:
    """Return the quoted name of a reader's role, which is that of its schema too."""
    return quote_identifier(PREFIX + name)


def readable_layers(catalog: Catalog, actor: Actor) -> list[Layer]:
    """Return the layers that have a view: who reads in SQL takes them as a whole, so he must be let export them."""
    layers = (catalog[layer_id] for layer_id in sorted(catalog))
    return [one for one in layers if rights_at(one, actor).reads(one.lowest_grade) and _may_take(one, actor)]


def _may_take(layer: Layer, actor: Actor) -> bool:
    return rights_of(layer.definition, actor).may_export


def shape_of_views(catalog: Catalog, actor: Actor) -> str:
    """Return a text that changes when any view of a reader would be made otherwise."""
    told = blake2b(f"{_SHAPE_VERSION} {actor.audience}".encode(), digest_size=16)
    for layer in readable_layers(catalog, actor):
        told.update(f"{layer.id} {rights_at(layer, actor).digest} {layer.definition.model_dump_json()}".encode())
    return told.hexdigest()


async def make_views(connection: asyncpg.Connection, name: str, catalog: Catalog, actor: Actor) -> list[str]:
    """Make all views of a reader anew in the open transaction, in the owner's role; return their layers.

    Raises
    ------
    asyncpg.PostgresError
        When a view is read for longer than the connection waits for its turn.
    """
    schema = schema_of(name)
    for kind, signature in await connection.fetch(_STANDING, PREFIX + name):
        await connection.execute(f"DROP {kind} {signature}")
    made = []
    for layer in readable_layers(catalog, actor):
        text = await with_literals(connection, _rows(layer, actor))
        for statement in _statements(schema, layer, actor, text):
            await connection.execute(statement)
        made.append(layer.id)
    return made


_STANDING = """
SELECT 'VIEW' AS kind, format('%I.%I', n.nspname, c.relname) AS signature, 0 AS turn
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'v'
UNION ALL
SELECT 'FUNCTION', p.oid::regprocedure::text, 1
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = $1
ORDER BY turn, signature
"""
_STANDING = f"SELECT kind, signature FROM ({_STANDING}) AS standing"


def _columns(layer: Layer, actor: Actor) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and expression of each column."""
    yield "id", "text", "f.id"
    if layer.definition.geometry_type != "None" and rights_at(layer, actor).shows_place:
        yield "geom", "geometry", "f.geom"
    for field in visible_fields(layer, actor):
        if field.definition.name not in {"id", "geom"}:
            yield field.definition.name, COLUMN_TYPES[field.type], field.expression


def _rows(layer: Layer, actor: Actor) -> Clause:
    columns = ", ".join(f"({text})::{kind} AS {quote_identifier(name)}" for name, kind, text in _columns(layer, actor))
    return compose(
        f"SELECT {columns} FROM {{}} WHERE ({{}})", relation(layer, actor), scoped(layer, actor) or Clause("TRUE")
    )


def _some_rows(layer: Layer, actor: Actor, rows: str, condition: str) -> str:
    """Return the statement of the rows of a view for which a condition holds.

    Parameters
    ----------
    condition
        Over a row, which is `{}`.
    """
    hidden = _hidden(layer, actor)
    after = f"SELECT q.* FROM ({rows} OFFSET 0) AS q WHERE {condition.format('q')}"  # nothing passes into the subquery
    if hidden is None:
        return after
    return f"{rows} AND NOT {hidden} AND {condition.format('f')} UNION ALL {after} AND {hidden}"


def _hidden(layer: Layer, actor: Actor) -> str | None:
    """Return the expression that tells whether any row is hidden; None where more than grades decides that."""
    rights = rights_at(layer, actor)
    if not rights.is_by_grade or layer.definition.motion is not None:
        return None
    if GRADE not in layer.definition.by_name:
        return "FALSE"
    return f"EXISTS (SELECT FROM {layer.table} AS h WHERE h.{GRADE} > {int(rights.whole_grade)})"


def _statements(schema: str, layer: Layer, actor: Actor, rows: str) -> Iterator[str]:
    """Yield the statements that make one view.

    Raises
    ------
    ValueError
        When the statement holds the mark that ends it.
    """
    if _QUOTE in rows:
        raise ValueError(f"the view of '{layer.id}' cannot be written")
    own, reader = f"{schema}.{quote_identifier(layer.id)}", schema
    columns = list(_columns(layer, actor))
    returned = ", ".join(f"{quote_identifier(name)} {kind}" for name, kind, _ in columns)
    yield f"""CREATE FUNCTION {own}() RETURNS TABLE ({returned}) LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, public, pg_temp AS {_QUOTE}{rows}{_QUOTE}"""
    yield f"REVOKE ALL ON FUNCTION {own}() FROM public"
    yield f"GRANT EXECUTE ON FUNCTION {own}() TO {reader}"
    for argument, kind, condition in _ARGUMENTS:
        if kind in {one for _, one, _ in columns} or kind == "text[]":
            given = f"{free_name(argument, [name for name, _, _ in columns])} {kind}"
            yield f"""CREATE FUNCTION {own}({given}) RETURNS TABLE ({returned}) LANGUAGE sql STABLE SECURITY DEFINER
                SET search_path = pg_catalog, public, pg_temp
                AS {_QUOTE}{_some_rows(layer, actor, rows, condition)}{_QUOTE}"""
            yield f"REVOKE ALL ON FUNCTION {own}({kind}) FROM public"
            yield f"GRANT EXECUTE ON FUNCTION {own}({kind}) TO {reader}"
    shown = ", ".join(_shown(layer, actor, name) for name, _, _ in columns)
    yield f"CREATE VIEW {own} WITH (security_barrier) AS SELECT {shown} FROM {own}() AS r"
    yield f"GRANT SELECT ON {own} TO {reader}"
    title = quote_literal(f"{layer.definition.title_zh} {layer.definition.title_en}")
    yield f"COMMENT ON VIEW {own} IS {title}"


def _shown(layer: Layer, actor: Actor, name: str) -> str:
    """Return a column of the view; that of the place says of which kind it is, by which QGIS and GDAL know a layer."""
    column = quote_identifier(name)
    if name != "geom":
        return f"r.{column}"
    is_exact = all(case.geometry == "full" for case in rights_at(layer, actor).cases)
    kind = layer.definition.geometry_type if is_exact else "Geometry"
    return f"r.geom::geometry({kind}, {SRID}) AS geom"
