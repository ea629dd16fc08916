"""Fields that the database computes: a feature's area and grid, its size, and its place along a waterway.

A file's own value of such a field counts only while the layers that it is derived from are empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from layers.clause import quote_identifier
from layers.definition import LayerDefinition
from layers.errors import NotFound
from layers.schema.derivation import DerivationRule, DerivedRows, fields_of, has_history, read_sql, rules_of
from layers.schema.feature_locks import lock_features
from layers.schema.tables import parse_definition, table_of
from layers.tiers import COMMUNITY, GRID, STREET, URBAN_VILLAGES

OVERLAPS = {URBAN_VILLAGES: tuple(tier.layer_id for tier in (GRID, COMMUNITY, STREET))}


async def derive(connection: asyncpg.Connection, layer_id: str, *, only_new: str | None = None) -> dict[str, int]:
    """Compute the derived fields of a layer.

    A layer with a `time` field records what happened: only its empty fields are filled, unless its rows are named as
    new, because an event keeps the grid of its time.

    Parameters
    ----------
    connection
        In the owner's or the ingest role; joins a transaction that is already open.
    layer_id
        A layer of the catalogue.
    only_new
        A (temporary) table whose column `id` names the rows to compute; `None` computes all.

    Returns
    -------
    dict of str to int
        Every computed field, with the number of rows in which any of them changed; empty when the layer derives
        nothing. Fields whose source layers are all empty stay as they are and are not returned.

    Raises
    ------
    NotFound
        When the catalogue has no such layer.
    """
    definition = (await _definitions(connection)).get(layer_id)
    if definition is None:
        raise NotFound(f"there is no layer '{layer_id[:80]}' to derive fields of", parameter="layer_id")
    async with connection.transaction():
        rules = await _ready(connection, rules_of(definition))
        return await _apply(connection, definition, rules, only_new=only_new, keep=only_new is None)


async def derive_dependents(connection: asyncpg.Connection, changed_layer_id: str) -> dict[str, dict[str, int]]:
    """Compute the fields that other layers derive from a changed layer, and the overlaps of its areas.

    Changed rows get a new `version` and `updated_at`. Layers with a `time` field keep the values of their time.

    Returns
    -------
    dict of str to dict
        For every dependent layer, its fields and the number of rows in which any of them changed.
    """
    counts: dict[str, dict[str, int]] = {}
    definitions = await _definitions(connection)
    async with connection.transaction():
        for definition, affected in _affected(definitions, changed_layer_id):
            counts[definition.id] = await _apply(connection, definition, affected, bump=True)
        for a_layer, b_layers in OVERLAPS.items():
            for b_layer in b_layers:
                if changed_layer_id in (a_layer, b_layer) and {a_layer, b_layer} <= definitions.keys():
                    await _overlap(connection, a_layer, b_layer)
    return counts


async def lock_with_dependents(connection: asyncpg.Connection, layer_id: str) -> None:
    """Wait until no other transaction writes features of a layer, or of those that derive fields from it."""
    dependents = _affected(await _definitions(connection), layer_id)
    await lock_features(connection, [layer_id, *(definition.id for definition, _ in dependents)])


def _affected(
    definitions: Mapping[str, LayerDefinition], changed_layer_id: str
) -> list[tuple[LayerDefinition, list[DerivationRule]]]:
    """Return the layers with fields derived from a layer, each with the rules that read it."""
    read_by = [
        (
            definition,
            [
                rule
                for rule in rules_of(definition)
                if changed_layer_id in rule.reads and not has_history(definition, rule)
            ],
        )
        for definition in definitions.values()
    ]
    return [(definition, rules) for definition, rules in read_by if rules]


async def _definitions(connection: asyncpg.Connection) -> dict[str, LayerDefinition]:
    rows = await connection.fetch("SELECT definition FROM onemap.layer ORDER BY id")
    known = (parse_definition(row["definition"]) for row in rows)
    return {definition.id: definition for definition in known if definition is not None}


async def _ready(connection: asyncpg.Connection, rules: Sequence[DerivationRule]) -> list[DerivationRule]:
    """Return the rules that read no other layer, and those whose source layers are not all empty."""
    return [rule for rule in rules if not rule.reads or await _any_rows(connection, rule.reads)]


async def _any_rows(connection: asyncpg.Connection, layer_ids: Sequence[str]) -> bool:
    held = " OR ".join(f"EXISTS (SELECT FROM {table_of(layer_id)})" for layer_id in layer_ids)
    return bool(await connection.fetchval(f"SELECT {held}"))


async def _apply(
    connection: asyncpg.Connection,
    definition: LayerDefinition,
    rules: Sequence[DerivationRule],
    *,
    only_new: str | None = None,
    keep: bool = False,
    bump: bool = False,
) -> dict[str, int]:
    """Write the values of the rules into the rows where they differ; return the number of rows by field.

    The differing rows are found first, because the trigger on a layer's table fires even for an UPDATE of no row and
    would announce a change of the layer.

    Parameters
    ----------
    keep
        Whether a layer with a history keeps the values that it has.
    bump
        Whether changed rows get a new version.
    """
    fields = fields_of(definition, rules)
    if not fields:
        return {}
    kept = fields_of(definition, [rule for rule in rules if keep and has_history(definition, rule)])
    new = {f: f"coalesce(feature.{quote_identifier(f)}, {v})" if f in kept else v for f, v in fields.items()}
    rows = DerivedRows(definition, rules, only_new)
    await rows.open(connection)
    found = await connection.execute(
        f"""CREATE TEMP TABLE derive_change ON COMMIT DROP AS SELECT feature.id, {_named(new)} FROM {rows.joined()}
        WHERE ({", ".join(f"feature.{quote_identifier(f)}" for f in new)}) IS DISTINCT FROM ({", ".join(new.values())})
        """
    )
    count = int(found.removeprefix("SELECT "))
    if count:
        await connection.execute("CREATE INDEX ON derive_change (id); ANALYZE derive_change")
        await connection.execute(_update(definition, list(fields), bump=bump))
    await rows.close(connection)
    await connection.execute("DROP TABLE derive_change")
    return dict.fromkeys(fields, count)


def _named(values: dict[str, str]) -> str:
    return ", ".join(f"{value} AS {quote_identifier(field)}" for field, value in values.items())


def _update(definition: LayerDefinition, fields: Sequence[str], *, bump: bool) -> str:
    sets = [f"{quote_identifier(f)} = change.{quote_identifier(f)}" for f in fields]
    if bump and {"version", "updated_at"} <= definition.by_name.keys():
        sets += ["version = coalesce(feature.version, 0) + 1", "updated_at = now()"]
    return f"""UPDATE {table_of(definition.id)} AS feature SET {", ".join(sets)}
        FROM derive_change AS change WHERE change.id = feature.id"""


async def _overlap(connection: asyncpg.Connection, a_layer: str, b_layer: str) -> None:
    """Write the shares of two layers' areas in each other into `onemap.area_overlap`."""
    await connection.execute(
        f"""CREATE TEMP VIEW derive_a AS SELECT id, geom FROM {table_of(a_layer)};
        CREATE TEMP VIEW derive_b AS SELECT id, geom FROM {table_of(b_layer)}"""
    )
    await connection.execute("DELETE FROM onemap.area_overlap WHERE a_layer = $1 AND b_layer = $2", a_layer, b_layer)
    await connection.execute(
        f"""INSERT INTO onemap.area_overlap (a_layer, b_layer, a_id, b_id, share_a, share_b)
        SELECT $1, $2, o.a_id, o.b_id, o.share_a, o.share_b FROM ({read_sql("derive_overlap")}) AS o""",
        a_layer,
        b_layer,
    )
    await connection.execute("DROP VIEW derive_a; DROP VIEW derive_b")
