"""Rules for derived fields: the statements that compute them, the layers they read, and how they are combined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncpg

from layers.clause import quote_identifier
from layers.definition import Derivation, LayerDefinition
from layers.schema.tables import table_of
from layers.tiers import TIER_OF_LAYER

_SQL = Path(__file__).parent / "queries"


@dataclass(frozen=True, slots=True)
class DerivationRule:
    """Derivations that one statement computes.

    Attributes
    ----------
    statement
        A file of `queries/` that selects `id` and a column for each derivation from the temporary view `derive_row`.
    reads
        Ids of the other layers that it reads.
    prepare, temporary
        A file that makes the temporary tables for the statement, and the names of the tables.
    historic
        Whether features that record what happened keep the value of their time.
    """

    derivations: tuple[Derivation, ...]
    statement: str
    reads: tuple[str, ...] = ()
    prepare: str | None = None
    temporary: tuple[str, ...] = ()
    historic: bool = False


_PLACE = DerivationRule(
    ("area_of_point", "grid_of_point"),
    "derive_place",
    tuple(TIER_OF_LAYER),
    prepare="derive_place_prepare",
    temporary=("derive_point", "derive_place"),
    historic=True,
)
_OWN_CODE = DerivationRule(("area_of_point", "grid_of_point"), "derive_own_code")
_OTHERS = (
    DerivationRule(("area_m2", "length_m"), "derive_measure"),
    DerivationRule(
        ("nearest_waterway", "chainage_m", "bank"),
        "derive_waterway",
        ("waterways",),
        prepare="derive_waterway_prepare",
        temporary=("derive_waterway",),
        historic=True,
    ),
    DerivationRule(("building_count",), "derive_building_count", ("buildings",)),
    DerivationRule(("camera_count",), "derive_camera_count", ("video_points",)),
)


def rules_of(definition: LayerDefinition) -> list[DerivationRule]:
    """Return the rules that compute the derived fields of a layer; none for a table without geometry."""
    if definition.geometry_type == "None":
        return []
    derived = {f.derived for f in definition.fields}
    place = _OWN_CODE if definition.id in TIER_OF_LAYER else _PLACE
    return [rule for rule in (place, *_OTHERS) if derived.intersection(rule.derivations)]


def fields_of(definition: LayerDefinition, rules: Sequence[DerivationRule]) -> dict[str, str]:
    """Return the layer's fields that the rules compute, each with the SQL of its value."""
    return {
        field.name: f"{quote_identifier(rule.statement)}.{quote_identifier(field.derived)}"
        for rule in rules
        for field in definition.fields
        if field.derived in rule.derivations
    }


def has_history(definition: LayerDefinition, rule: DerivationRule) -> bool:
    """Whether the layer records what happened, and so keeps what the rule found at the time."""
    return rule.historic and definition.time is not None


@dataclass(frozen=True, slots=True)
class DerivedRows:
    """Rows of a layer as the temporary view `derive_row`, and the tables that the rules prepare from it.

    Attributes
    ----------
    only
        A table whose column `id` names the rows; None means all rows.
    """

    definition: LayerDefinition
    rules: Sequence[DerivationRule]
    only: str | None = None

    async def open(self, connection: asyncpg.Connection) -> None:
        """Make the view and the tables; they end with the transaction, or by `close`."""
        tier = TIER_OF_LAYER.get(self.definition.id)
        own_code = f", {tier.own_code} AS own_code" if tier else ""
        chosen = f" WHERE id IN (SELECT id FROM {quote_identifier(self.only)})" if self.only else ""
        await connection.execute(
            f"CREATE TEMP VIEW derive_row AS SELECT f.*{own_code} FROM {table_of(self.definition.id)} AS f{chosen}"
        )
        for rule in self.rules:
            if rule.prepare:
                await connection.execute(read_sql(rule.prepare))

    async def close(self, connection: asyncpg.Connection) -> None:
        """Remove the view and the tables."""
        tables = [table for rule in self.rules for table in rule.temporary]
        await connection.execute("; ".join([*(f"DROP TABLE {t}" for t in tables), "DROP VIEW derive_row"]))

    def joined(self) -> str:
        """Return SQL that joins the rows, as `feature`, with the values of each rule, under its statement's name."""
        joins = [
            f"LEFT JOIN ({read_sql(r.statement)}) AS {r.statement} ON {r.statement}.id = feature.id" for r in self.rules
        ]
        return "\n".join(["derive_row AS feature", *joins])


@cache
def read_sql(name: str) -> str:
    """Read a statement of the folder `queries/`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
