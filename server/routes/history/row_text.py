"""Rows of history as text, in the datum that is asked for: some of them, or all while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from layers.coordinates.datum import Datum
from layers.coordinates.shifted_json import shift_rows
from layers.spreadsheet import csv_lines
from server.formats.geojsonseq import GEOJSONSEQ
from server.http.history import CSV, feature_of, feature_record

TEXTS = {"json": "application/json", "geojson": "application/geo+json", "geojsonseq": GEOJSONSEQ.type, "csv": CSV}
"""Media types by the value of `f`."""
_BATCH = 1_000

type _Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowText:
    """Writes rows of JSON, which have `lon` and `lat` in CRS84; in a datum they are shifted in place, and say so.

    Attributes
    ----------
    names
        The columns of a table, in their order.
    """

    form: str
    names: Sequence[str]
    datum: Datum | None = None

    def some(self, rows: Sequence[_Row], head: Mapping[str, Any]) -> bytes:
        """Return rows as one document, of which `head` are the members beside them."""
        rows = self._told(rows)
        if self.form == "csv":
            return csv_lines(self._columns, rows)
        if self.form == "geojsonseq":
            return b"".join(feature_record(self._feature(row)) for row in rows)
        members = {**head, **self._datum}
        if self.form == "geojson":
            features = [self._feature(row) for row in rows]
            return orjson.dumps({"type": "FeatureCollection", **members, "features": features}, default=str)
        return orjson.dumps({**members, "rows": rows}, default=str)

    async def all(self, rows: AsyncIterator[_Row]) -> AsyncIterator[bytes]:
        """Yield all rows as chunks of one document, of some rows each."""
        datum = orjson.dumps(self._datum)[1:-1] + (b"," if self.datum else b"")
        opened = {
            "csv": csv_lines(self._columns, ()),
            "json": b'{%b"rows":[' % datum,
            "geojson": b'{"type":"FeatureCollection",%b"features":[' % datum,
        }
        yield opened.get(self.form, b"")
        batch: list[_Row] = []
        total = 0
        async for row in rows:
            batch.append(row)
            if len(batch) == _BATCH:
                yield self._chunk(batch, is_first=not total)
                total += len(batch)
                batch = []
        if batch:
            yield self._chunk(batch, is_first=not total)
            total += len(batch)
        if self.form in {"json", "geojson"}:
            yield b'],"number_returned":%d}' % total

    def _chunk(self, batch: Sequence[_Row], *, is_first: bool) -> bytes:
        rows = self._told(batch)
        if self.form == "csv":
            return csv_lines(self._columns, rows, head=False)
        if self.form == "geojsonseq":
            return b"".join(feature_record(self._feature(row)) for row in rows)
        listed: Sequence[Any] = [self._feature(row) for row in rows] if self.form == "geojson" else rows
        return (b"" if is_first else b",") + orjson.dumps(listed, default=str)[1:-1]

    @property
    def _datum(self) -> dict[str, str]:
        return {} if self.datum is None else {"datum": self.datum}

    @property
    def _columns(self) -> list[str]:
        return [*self.names, *self._datum]

    def _told(self, rows: Sequence[_Row]) -> Sequence[_Row]:
        if self.datum is None:
            return rows
        shift_rows(rows, self.datum)
        return [{**row, **self._datum} for row in rows] if self.form == "csv" else rows

    def _feature(self, row: _Row) -> dict[str, Any]:
        return {**feature_of(row), **self._datum}
