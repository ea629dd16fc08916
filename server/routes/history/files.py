"""History as files of columns: rows that are sent while they are read, and what was read whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.columns.shape import ColumnShape
from layers.errors import TooMuch
from server.audit.touched import current_note
from server.audit.watermark import Watermark
from server.bulk.about import now
from server.bulk.desk import written
from server.bulk.reading import BulkReading
from server.bulk.sending import send_parts
from server.bulk.workspace import workspace
from server.formats.columnar import ColumnFormat, ColumnHead
from server.http.caching import UNSTORED_HEADERS
from server.http.compressed import Compressed
from server.http.history import has_places
from server.state import State
from twin.history.rows import HistoryQuery, count_statement
from twin.history.shapes import rows_as_columns, rows_shape


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """A file of history.

    Attributes
    ----------
    name
        Of the table and the file.
    rows_max
        Rows at most.
    """

    state: State
    media: ColumnFormat
    name: str
    rows_max: int

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
        self.media.check(self.name, shape, batch.num_rows)
        async with self.state.bulk.lanes.pages:
            body = await to_thread.run_sync(self._made, shape, batch, watermark)
        return Compressed(body, media_type=self.media.type, headers={**self.headers(watermark), **headers})

    def _made(self, shape: ColumnShape, batch: pa.RecordBatch, watermark: Watermark | None) -> bytes:
        with workspace(self.state.bulk.folder) as folder:
            head = ColumnHead(self.name, shape, folder, batch.num_rows, {"read_at": now()}, _members(watermark))
            return b"".join(self.media.write(head, [batch]))

    def headers(self, watermark: Watermark | None) -> dict[str, str]:
        """Return the headers of the answer."""
        ending = self.media.ending
        saved = watermark.file_name(self.name, ending) if watermark else f"{self.name}.{ending}"
        return {**UNSTORED_HEADERS, "Content-Disposition": f'attachment; filename="{saved}"'}


def _members(watermark: Watermark | None) -> Mapping[str, str]:
    return watermark.members if watermark else {}


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
        super().__init__(media_type=file.media.type)
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
            shape = rows_shape(columns, places=has_places(file.media) and bool(columns))
            file.media.check(file.name, shape, number)
            texts = await written(state.pool, *(rows_as_columns(query, shape, None) for query in self._queries))
            with workspace(state.bulk.folder) as folder:
                head = ColumnHead(file.name, shape, folder, number, {"read_at": now()}, _members(watermark))
                await reading.allow(reading.time_max_s)
                reading.begin(file.media.write(head, _batches(reading, texts, shape)))
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
