"""A batch: a few ten thousand rows on their way from a file into a layer, with the faults found in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from layers.types import Geometries, Mask

GEOMETRY_KEY = "geometry"  # the key of a quarantined record's geometry, where no column has it
_WKT_CHARACTERS_MAX = 1_000_000


class Batch:
    """Rows as a loader read them.

    Parameters
    ----------
    columns
        The attributes as read, with the columns that hold the geometry as text or numbers.
    geometry
        `[n]` geometries in the source's own coordinates, x before y; None when the source has none.
    lines
        `[n]` place of each row in the source, from 1: the line of a text file, the number of a feature.
    fraction
        Part of the source that has been read after this batch, 0 to 1; None when it is not known.
    """

    def __init__(
        self,
        columns: pa.RecordBatch,
        geometry: Geometries | None,
        lines: npt.NDArray[np.int64],
        fraction: float | None = None,
    ) -> None:
        self.columns = columns
        self.geometry = geometry
        self.as_read = geometry
        self.lines = lines
        self.fraction = fraction
        self.ok: Mask = np.ones(len(lines), dtype=np.bool_)
        self.repairs: Counter[str] = Counter()
        self.refused: list[Rejection] = []  # parts of the source that are no rows
        self._why: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self.lines)

    def reject(self, rows: Mask, reason: str, detail: str | Callable[[int], str]) -> None:
        """Mark rows `[n]` as rejected; a row that is rejected already keeps its first reason.

        Parameters
        ----------
        rows
            True for the rows to reject.
        reason
            A short code, for example ``swapped_axes``.
        detail
            One sentence for a person, or a function that returns it for the row's position in the batch.
        """
        for row in np.flatnonzero(rows & self.ok).tolist():
            self._why[row] = (reason, detail if isinstance(detail, str) else detail(row))
        self.ok &= ~rows

    def repaired(self, kind: str, count: int) -> None:
        """Count repairs of a kind."""
        if count:
            self.repairs[kind] += count

    def rejections(self) -> Iterator[Rejection]:
        """Yield the rejected rows with their reasons and their original records."""
        yield from self.refused
        for row, (reason, detail) in sorted(self._why.items()):
            yield Rejection(int(self.lines[row]), reason, detail, self.record(row))

    def record(self, row: int) -> dict[str, object]:
        """Return one row as it was read; the geometry as WKT in the source's coordinates, unless a column has it."""
        record: dict[str, object] = self.columns.slice(row, 1).to_pylist()[0]
        if self.as_read is not None and self.as_read[row] is not None and GEOMETRY_KEY not in record:
            text = shapely.to_wkt(self.as_read[row], rounding_precision=-1)
            if len(text) <= _WKT_CHARACTERS_MAX:
                record[GEOMETRY_KEY] = text
        return record


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that could not be loaded."""

    line: int
    reason: str
    detail: str
    record: dict[str, object]


@dataclass(frozen=True, slots=True)
class Source:
    """A recognised file, which can be read more than once.

    Attributes
    ----------
    columns
        Attributes that can become fields of a layer, with their types in the file.
    geometry_columns
        Columns of a table that hold the geometry; they are no fields.
    has_geometry
        Whether the rows have a geometry.
    untyped
        Whether the file has text only, so that types must be inferred (CSV, XLSX).
    crs
        The coordinate reference system that the file declares; None without one.
    crs_unread
        A declared CRS that PROJ cannot read; None otherwise.
    batches
        Starts reading from the beginning.
    """

    name: str
    format: str
    columns: pa.Schema
    has_geometry: bool
    crs: str | None
    batches: Callable[[], Iterator[Batch]]
    geometry_columns: tuple[str, ...] = ()
    untyped: bool = False
    total_rows: int | None = None
    notes: tuple[str, ...] = field(default=())
    crs_unread: str | None = None
