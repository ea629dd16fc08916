"""Loading the synthetic district into the layers, in one transaction, marked as synthetic."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import asyncpg

from layers.database.connection import Role, connected
from layers.definition import LayerDefinition, read_definitions
from layers.demo.district.outline import ATTRIBUTION, ATTRIBUTION_ZH
from layers.demo.generate import SEED, district_count, generate_districts
from layers.demo.record import GENERATOR_VERSION, read_demo_record, write_demo_record
from layers.demo.table import DemoTable
from layers.errors import Conflict
from layers.schema.derive import derive, derive_dependents
from layers.schema.tables import SCHEMA, create_layer, note_anew, refresh_statistics, table_of

type _Progress = Callable[[str, float], object]

SOURCE_SYSTEM = "onemap-demo"
_CHINA = timezone(timedelta(hours=8))
_COPY_SHARE = 0.6  # of the time; the rest derives fields
_DERIVED_FIRST = ("districts", "streets", "communities", "grids", "waterways")  # layers that others are derived from


async def load_demo(
    url: str, *, scale: float = 1.0, seed: int = SEED, progress: _Progress | None = None
) -> dict[str, int]:
    """Generate the demo and load it, all or nothing. A second call with the same scale and seed does nothing.

    Rows of an earlier demo are replaced; rows of other sources stay.

    Parameters
    ----------
    url
        A migrated database.
    scale, seed
        See `layers.demo.generate.generate`.
    progress
        Called with the current step and the finished share of the whole, 0 to 1.

    Returns
    -------
    dict
        Number of rows by layer id.

    Raises
    ------
    BadInput
        When the scale is out of range.
    Conflict
        When a layer already holds a feature of another source under an id of the demo.
    """
    parameters = {"scale": scale, "seed": seed, "version": GENERATOR_VERSION}
    async with connected(url, Role.OWNER) as connection:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('onemap demo'))")
            before = await read_demo_record(connection) or {}
            if {name: before.get(name) for name in parameters} == parameters:
                return dict(before["rows"])
            rows = await _DemoLoad(connection, progress or _silent).run(scale, seed)
            await write_demo_record(connection, {**parameters, "rows": rows})
        for layer_id in rows:  # deriving wrote most rows twice; a vacuum cannot be part of the transaction
            await connection.execute(f"VACUUM {table_of(layer_id)}")
        return rows


def _silent(text: str, done: float) -> None:
    """Report no progress."""


class _DemoLoad:
    """One load: creates the layers, copies district by district, derives fields, counts rows."""

    def __init__(self, connection: asyncpg.Connection, progress: _Progress) -> None:
        self.connection, self.progress = connection, progress
        self.definitions = {name: _as_synthetic(d) for name, d in read_definitions().items()}
        self.rows: dict[str, int] = {}

    async def run(self, scale: float, seed: int) -> dict[str, int]:
        await _set_geometry_codec(self.connection)
        districts = generate_districts(scale, seed, as_of=datetime.now(_CHINA).replace(microsecond=0))
        count = district_count(scale)
        for number in range(count):
            self.progress("生成演示数据 generating the synthetic district", _COPY_SHARE * number / count)
            tables = next(districts)
            if number == 0:
                await self._prepare(list(tables))
            for place, table in enumerate(tables.values()):
                share = (number + 0.3 + 0.7 * place / len(tables)) / count
                self.progress(f"写入 copying {table.layer}", _COPY_SHARE * share)
                await self._copy(table)
        await self._derive()
        return self.rows

    async def _prepare(self, layer_ids: list[str]) -> None:
        """Create the tables, and delete the rows of an earlier demo."""
        for layer_id in layer_ids:
            await create_layer(self.connection, self.definitions[layer_id], declared=True)
            await note_anew(self.connection, layer_id)
            await self.connection.execute(f"DELETE FROM {table_of(layer_id)} WHERE source_system = $1", SOURCE_SYSTEM)

    async def _copy(self, table: DemoTable) -> None:
        fields = {f.name: f for f in self.definitions[table.layer].fields}
        json_fields = {name for name in table.columns if fields[name].type == "json"}
        for name in json_fields:
            table.columns[name] = [None if v is None else json.dumps(v, ensure_ascii=False) for v in table.column(name)]
        names = list(table.columns)
        has_places = self.definitions[table.layer].geometry_type != "None"
        columns = ["id", *(["geom"] if has_places else []), *names]
        records = table.records(names) if has_places else [(own, *rest) for own, _, *rest in table.records(names)]
        try:
            await self.connection.copy_records_to_table(
                table.layer, schema_name=SCHEMA, columns=columns, records=records
            )
        except asyncpg.UniqueViolationError as error:
            raise Conflict(
                f"layer '{table.layer}' holds features of another source under ids of the demo: {error.detail}; "
                "take another home or database for the demo"
            ) from error
        self.rows[table.layer] = self.rows.get(table.layer, 0) + len(table)

    async def _derive(self) -> None:
        order = [*_DERIVED_FIRST, *(name for name in self.rows if name not in _DERIVED_FIRST)]
        for layer_id in order:
            await self.connection.execute(f"ANALYZE {table_of(layer_id)}")
        for number, layer_id in enumerate(order):
            done = _COPY_SHARE + (1 - _COPY_SHARE) * number / len(order)
            self.progress(f"计算派生字段 deriving fields of {layer_id}", done)
            await derive(self.connection, layer_id)
        await derive_dependents(self.connection, "urban_villages")  # its shares in grids and communities
        for layer_id in order:
            await refresh_statistics(self.connection, self.definitions[layer_id])
            await note_anew(self.connection, layer_id)


def _as_synthetic(definition: LayerDefinition) -> LayerDefinition:
    """Return a definition whose metadata states that its rows are synthetic."""
    return definition.model_copy(
        update={
            "synthetic": True,
            "source": f"OneMap 合成演示数据，非真实数据 synthetic demo, not real (generator {GENERATOR_VERSION})",
            "attribution": f"OneMap 合成演示；边界：{ATTRIBUTION_ZH} OneMap synthetic demo; outline: {ATTRIBUTION}",
        }
    )


async def _set_geometry_codec(connection: asyncpg.Connection) -> None:
    """Let COPY accept well-known binary for geometries, in whatever schema PostGIS is installed."""
    schema = await connection.fetchval(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'postgis'"
    )
    await connection.set_type_codec("geometry", schema=schema, encoder=bytes, decoder=bytes, format="binary")
