"""Rows of a layer's table, written from the claims of their features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from layers.clause import quote_identifier
from layers.definition import LayerDefinition
from layers.schema.tables import table_of
from twin.store.features.claims import GEOMETRY, FieldClaims

_BOX = """CASE WHEN geom IS NOT NULL AND NOT ST_IsEmpty(geom)
    THEN ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] END"""
_MOVING = """
SELECT id, area_code, grid_code, lon, lat FROM twin.position_now WHERE layer = $1 AND id = ANY ($2::text[])
"""
_COUNTED = ("version", "updated_at")

type FeatureRow = dict[str, Any]
type _Names = tuple[str, ...]


async def read_rows(
    connection: asyncpg.Connection, definition: LayerDefinition, ids: Iterable[str], *, lock: bool = False
) -> dict[str, FeatureRow]:
    """Return rows as the log describes them: `box` (west, south, east, north, or None), grade and areas where known.

    `stored` has the columns by which rules may choose among rows, as JSON text, without those joined on reading.
    """
    parts = ["id", "NULL::float8[] AS box" if definition.geometry_type == "None" else f"{_BOX} AS box"]
    parts += [name for name in ("data_grade", "area_code", "grid_code") if name in definition.by_name]
    stored = ", ".join(quote_identifier(f.name) for f in definition.stored_fields if f.type != "json" and not f.live)
    parts.append(f"(SELECT to_jsonb(s) FROM (SELECT {stored}) AS s) AS stored")
    rows = await connection.fetch(
        f"""SELECT {", ".join(parts)} FROM {table_of(definition.id)} WHERE id = ANY ($1::text[])
        ORDER BY id{" FOR UPDATE" if lock else ""}""",
        sorted(ids),
    )
    return {row["id"]: dict(row) for row in rows}


async def read_moving(
    connection: asyncpg.Connection, definition: LayerDefinition, ids: Iterable[str]
) -> dict[str, FeatureRow]:
    """Return the labels and the place (CRS84, degrees) of the newest position of what moves, where there is one."""
    if definition.motion is None:
        return {}
    rows = await connection.fetch(_MOVING, definition.id, list(ids))
    return {row["id"]: {name: row[name] for name in ("area_code", "grid_code", "lon", "lat")} for row in rows}


@dataclass(slots=True)
class RowChanges:
    """Changes to rows of a layer.

    Attributes
    ----------
    made
        New rows, by the fields they have.
    changed
        Rows of which some fields change, by those fields.
    renewed
        Rows whose every field changes: the feature was removed and made again.
    gone
        Ids of rows to remove.
    """

    definition: LayerDefinition
    made: dict[_Names, list[FeatureRow]] = field(default_factory=lambda: defaultdict(list))
    changed: dict[_Names, list[FeatureRow]] = field(default_factory=lambda: defaultdict(list))
    renewed: list[FeatureRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, definition: LayerDefinition, claims: Mapping[str, FieldClaims], before: Mapping[str, FeatureRow]
    ) -> RowChanges:
        """Return the changes to rows that follow from new claims."""
        work = cls(definition)
        for name, own in sorted(claims.items()):
            if name in before:
                work._change(name, own)
            elif own.made_now and own.exists:
                row = {**own.values(), **work._count(own), "id": name}
                work.made[tuple(sorted(row))].append(row)
        return work

    def _change(self, name: str, own: FieldClaims) -> None:
        if own.gone_now and not own.exists:
            self.gone.append(name)
        elif own.gone_now:
            self.renewed.append({**own.values(), **self._count(own), "id": name})
        elif own.won:
            row = {**own.values(own.won), **self._count(own)}
            self.changed[tuple(sorted(row))].append({**row, "id": name})

    def _count(self, own: FieldClaims) -> FeatureRow:
        """Return the time of the row's last change, and one version more."""
        newest = max((claim[0] for claim in own.stamped.values()), default="").split(" ", 1)[0]
        counted = {"version": 1, "updated_at": newest or None}
        return {name: value for name, value in counted.items() if name in self.definition.by_name}

    @property
    def ids(self) -> set[str]:
        """Ids of all rows that are written."""
        grouped = (rows for groups in (self.made, self.changed) for rows in groups.values())
        return {row["id"] for rows in (*grouped, self.renewed) for row in rows} | set(self.gone)

    @property
    def reshaped(self) -> list[str]:
        """Ids of rows whose geometry is new."""
        moved = [rows for groups in (self.made, self.changed) for names, rows in groups.items() if GEOMETRY in names]
        return sorted(row["id"] for rows in (*moved, self.renewed) for row in rows)

    async def write(self, connection: asyncpg.Connection) -> None:
        """Write the changes in the open transaction."""
        table = table_of(self.definition.id)
        if self.gone:
            await connection.execute(f"DELETE FROM {table} WHERE id = ANY ($1::text[])", self.gone)
        for names, rows in self.changed.items():
            sets = [f"{quote_identifier(name)} = {_raised(name)}" for name in names]
            await connection.execute(_update(table, sets), _json(rows))
        if self.renewed:
            sets = [
                f"{quote_identifier(n)} = {_raised(n) if n == 'version' else f'r.{quote_identifier(n)}'}"
                for n in self._writable()
            ]
            await connection.execute(_update(table, sets), _json(self.renewed))
        for names, rows in self.made.items():
            listed = ", ".join(map(quote_identifier, names))
            await connection.execute(
                f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {_given(table)} ORDER BY id", _json(rows)
            )

    def _writable(self) -> list[str]:
        """Return the columns that feeds write."""
        kept = {"data_grade", "created_at", "crs_source"}
        own = [f.name for f in self.definition.fields if f.has_column and not f.derived and f.name not in kept]
        return own if self.definition.geometry_type == "None" else [*own, GEOMETRY]


def _raised(name: str) -> str:
    """Return the expression of a column's new value; version and time of change continue those of the row."""
    column = quote_identifier(name)
    if name == "version":
        return "coalesce(t.version, 0) + r.version"
    return f"greatest(t.{column}, r.{column})" if name in _COUNTED else f"r.{column}"


def _update(table: str, sets: Sequence[str]) -> str:
    return f"UPDATE {table} AS t SET {', '.join(sets)} FROM {_given(table)} WHERE t.id = r.id"


def _given(table: str) -> str:
    """Return the source of rows given as JSON; each value is read by the type of its column."""
    return (
        "jsonb_array_elements($1::jsonb) AS given (row)"
        f" CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, given.row) AS r"
    )


def _json(rows: Sequence[FeatureRow]) -> str:
    return orjson.dumps(rows).decode()
