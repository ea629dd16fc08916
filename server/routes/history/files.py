"""History as files of columns: rows that are sent while they are read, and what was read whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.columns.shape import ColumnShape
from layers.coordinates.crs import CRS84, Crs
from layers.errors import TooMuch
from server.audit.touched import current_note
from server.audit.watermark import Watermark
from server.bulk.about import about_datum, now
from server.bulk.desk import written
from server.bulk.reading import BulkReading
from server.bulk.sending import send_parts
from server.bulk.workspace import workspace
from server.formats.columnar import ColumnFormat, ColumnHead
from server.http.caching import UNSTORED_HEADERS
from server.http.compressed import Compressed
from server.http.history import has_places
from server.state import State
from server.surroundings.datum_route import made_in
from twin.history.rows import HistoryQuery, count_statement
from twin.history.shapes import rows_as_columns, rows_shape, shifted_batch, shifted_shape


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """A file of history.

    Attributes
    ----------
    name
        Of the table and the file.
    rows_max
        Rows at most.
    crs
        The system of the places in it: CRS84, or a shifted datum.
    """

    state: State
    media: ColumnFormat
    name: str
    rows_max: int
    crs: Crs = CRS84

    async def whole(self, shape: ColumnShape, batch: pa.RecordBatch, headers: Mapping[str, str]) -> Response:
        """Return what was read whole, once it is judged; few are made at a time.

        Raises
        ------
        TooOften
            When this worker makes enough already.
        Forbidden, TooMuch
            As the judge and the format say.
        """
        watermark = await self.state.exports.judge(current_note())
        shape = shifted_shape(shape, self.crs)
        self.media.check(self.name, shape, batch.num_rows)
        async with self.state.bulk.lanes.pages:
            body = await to_thread.run_sync(self._made, shape, shifted_batch(batch, shape), watermark)
        return Compressed(
            body, media_type=self.media.type, headers={**self.headers(watermark), **made_in(self.crs), **headers}
        )

    def _made(self, shape: ColumnShape, batch: pa.RecordBatch, watermark: Watermark | None) -> bytes:
        with workspace(self.state.bulk.folder) as folder:
            return b"".join(self.media.write(self.head(shape, folder, batch.num_rows, watermark), [batch]))

    def head(self, shape: ColumnShape, folder: Path, rows: int, watermark: Watermark | None) -> ColumnHead:
        """Return what the file says of itself."""
        about = {"read_at": now(), **about_datum(self.crs)}
        return ColumnHead(self.name, shape, folder, rows, about, watermark.members if watermark else {})

    def headers(self, watermark: Watermark | None) -> dict[str, str]:
        """Return the headers of the answer."""
        ending = self.media.ending
        saved = watermark.file_name(self.name, ending) if watermark else f"{self.name}.{ending}"
        return {**UNSTORED_HEADERS, "Content-Disposition": f'attachment; filename="{saved}"'}


class HistoryRows(Response):
    """All rows of some queries in one file, counted and judged first, then sent while they are read.

    Parameters
    ----------
    touched
        Notes that the answer holds a number of rows of a query.
    """

    def __init__(
        self, file: HistoryFile, queries: Sequence[HistoryQuery], touched: Callable[[HistoryQuery, int], None]
    ) -> None:
        super().__init__(media_type=file.media.type, headers=made_in(file.crs))
        self._file, self._queries, self._touched = file, queries, touched

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, judge and send.

        Raises
        ------
        TooOften
            When this worker sends enough already.
        TooMuch
            When there are more rows than a file holds.
        Forbidden
            When it is more than the reader may take.
        """
        file, state = self._file, self._file.state
        async with state.bulk.lanes.streams, state.bulk.reading() as reading:
            number = await self._count(reading)
            watermark = await state.exports.judge(current_note())
            columns = self._queries[0].columns if self._queries else ()
            read = rows_shape(columns, places=has_places(file.media) and bool(columns))
            shape = shifted_shape(read, file.crs)
            file.media.check(file.name, shape, number)
            texts = await written(state.pool, *(rows_as_columns(query, read, None) for query in self._queries))
            with workspace(state.bulk.folder) as folder:
                await reading.allow(reading.time_max_s)
                batches = (shifted_batch(batch, shape) for batch in _batches(reading, texts, read))
                reading.begin(file.media.write(file.head(shape, folder, number, watermark), batches))
                named = {name: text for name, text in self.headers.items() if name == "content-crs"}
                headers = {**file.headers(watermark), **named, "OGC-NumberReturned": str(number)}
                await send_parts(scope, receive, send, reading, file.media.type, headers)

    async def _count(self, reading: BulkReading) -> int:
        counts = await written(
            self._file.state.pool, *(count_statement(query, self._file.rows_max) for query in self._queries)
        )
        skipped = [query.after.number if query.after else 0 for query in self._queries]
        found = [int((await reading.row(text))[0]) for text in counts]
        numbers = [max(0, number - less) for number, less in zip(found, skipped, strict=True)]
        if sum(numbers) > self._file.rows_max:
            raise TooMuch(f"there are more than {self._file.rows_max} rows; ask for a shorter span", parameter="from")
        for query, number in zip(self._queries, numbers, strict=True):
            self._touched(query, number)
        return sum(numbers)


def _batches(reading: BulkReading, texts: Sequence[str], shape: ColumnShape) -> Iterator[pa.RecordBatch]:
    for text in texts:
        yield from reading.session.batches(text, shape.schema)
