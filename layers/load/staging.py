"""The temporary tables of a load: no row of a layer changes before all rows have been checked."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator

import asyncpg
import pyarrow as pa
import pyarrow.csv as pacsv

from layers.clause import quote_identifier, quote_literal
from layers.definition import FieldDefinition
from layers.loaders.batch import Rejection
from layers.schema.tables import COLUMN_TYPES

STAGED = "load_staged"
REJECTED = "load_rejected"
_WITHOUT_HEADER = pacsv.WriteOptions(include_header=False)


class Staging:
    """The tables `load_staged` (rows in the layer's types) and `load_rejected` (rows that were refused) of one session.

    Parameters
    ----------
    connection
        The tables live as long as it does.
    located
        Whether the rows have a geometry.
    """

    def __init__(self, connection: asyncpg.Connection, fields: Iterable[FieldDefinition], *, located: bool) -> None:
        self._connection = connection
        self._located = located
        self._fields = {f.name: f for f in fields}

    @property
    def columns(self) -> list[str]:
        """Names of the staged columns, in the order of a batch."""
        return ["line", "id", *(["geom"] if self._located else []), *self._fields]

    async def create(self) -> None:
        """Create both tables, empty, also where an earlier attempt has filled them."""
        types = {f.name: COLUMN_TYPES[f.type] for f in self._fields.values()}
        own = "".join(f", {quote_identifier(n)} {t}" for n, t in types.items())
        geometry = ", geom geometry(Geometry, 4490)" if self._located else ""
        await self._connection.execute(
            f"""DROP TABLE IF EXISTS {STAGED}, {REJECTED};
            CREATE TEMP TABLE {STAGED} (line bigint, id text COLLATE "C"{geometry}{own});
            CREATE TEMP TABLE {REJECTED} (line bigint, reason text, detail text, record jsonb)"""
        )

    async def copy(self, rows: pa.RecordBatch) -> None:
        """Add rows whose columns are `self.columns`; geometries are hexadecimal EWKB."""
        written = io.BytesIO()
        pacsv.write_csv(rows, written, _WITHOUT_HEADER)
        written.seek(0)
        await self._connection.copy_to_table(STAGED, source=written, columns=self.columns, format="csv")

    async def reject(self, rejections: Iterable[Rejection]) -> None:
        """Add refused rows."""
        rows = [(r.line, r.reason, r.detail, as_jsonb(r.record)) for r in rejections]
        if rows:
            await self._connection.copy_records_to_table(
                REJECTED, records=rows, columns=["line", "reason", "detail", "record"]
            )

    async def reject_repeated(self) -> int:
        """Refuse every row with the id of an earlier one and return their number; `fill_records` adds their records."""
        return await self._refuse(
            f"""WITH repeated AS (
                SELECT id, min(line) AS first FROM {STAGED} GROUP BY id HAVING count(*) > 1
            )
            DELETE FROM {STAGED} AS s USING repeated AS r WHERE s.id = r.id AND s.line > r.first
            RETURNING s.line, 'duplicate' AS reason, format('id %s is that of line %s', s.id, r.first) AS detail"""
        )

    async def reject_present(self, table: str) -> int:
        """Refuse every row whose id the layer already has, and return their number."""
        return await self._refuse(
            f"""DELETE FROM {STAGED} AS s USING {table} AS t WHERE s.id = t.id
            RETURNING s.line, 'already_there' AS reason,
                format('the layer has a feature %s; load with --mode upsert to replace it', s.id) AS detail"""
        )

    async def reject_absent(self, table: str, reason: str, why: str) -> int:
        """Refuse every row of a feature the layer has not, where the file cannot create one; return their number."""
        return await self._refuse(
            f"""DELETE FROM {STAGED} AS s WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE t.id = s.id)
            RETURNING s.line, {quote_literal(reason)} AS reason,
                format('the layer has no feature %s, and %s to make one', s.id, {quote_literal(why)}) AS detail"""
        )

    async def _refuse(self, deleting: str) -> int:
        status = await self._connection.execute(
            f"WITH refused AS ({deleting}) INSERT INTO {REJECTED} (line, reason, detail) SELECT * FROM refused"
        )
        return int(status.rsplit(" ", 1)[1])

    async def lines_without_record(self) -> bool:
        """Whether rows were refused whose original record is not known yet."""
        return bool(await self._connection.fetchval(f"SELECT EXISTS (SELECT FROM {REJECTED} WHERE record IS NULL)"))

    async def missing_records(self, first: int, last: int) -> set[int]:
        """Return the lines from `first` to `last` whose original record is not known yet."""
        rows = await self._connection.fetch(
            f"SELECT line FROM {REJECTED} WHERE record IS NULL AND line BETWEEN $1 AND $2", first, last
        )
        return {row["line"] for row in rows}

    async def fill_records(self, records: Iterator[tuple[int, dict[str, object]]]) -> None:
        """Add the original records of rows that were refused without one."""
        await self._connection.executemany(
            f"UPDATE {REJECTED} SET record = $2::jsonb WHERE line = $1 AND record IS NULL",
            [(line, as_jsonb(record)) for line, record in records],
        )

    async def geometry_kinds(self) -> set[str]:
        """Return the names of the staged geometry types, for example ``{"POINT"}``."""
        rows = await self._connection.fetch(f"SELECT DISTINCT GeometryType(geom) AS kind FROM {STAGED}")
        return {row["kind"] for row in rows}


def as_jsonb(record: dict[str, object]) -> str:
    """Return a record as JSON that PostgreSQL's jsonb takes: no NUL, no infinity, no NaN."""
    return json.dumps(_storable(record), ensure_ascii=False, default=str, allow_nan=False)


def _storable(value: object) -> object:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  # NaN differs from itself
            return str(value)
        case dict():
            return {str(_storable(str(k))): _storable(v) for k, v in value.items()}
        case list() | tuple():
            return [_storable(v) for v in value]
        case bytes():
            return value.hex()
        case _:
            return value
