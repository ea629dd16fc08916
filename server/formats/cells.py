"""Columns as cells of a table that people open: places as two numbers or WKT, lists in one cell, no formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.columns.places import coordinates_of, geometries_of
from layers.columns.shape import ColumnShape, free_name
from layers.spreadsheet import STARTS, cell, guarded

_DIGITS = {"degree": 7, "metre": 3}  # as in GeoJSON
_FORMULA = f"^[{''.join(f'\\x{{{ord(start):x}}}' for start in STARTS)}]"

type Convert = Callable[[pa.Array], pa.Array]


class CellBatches:
    """Turns batches of a shape into batches of cells; texts, numbers, truths and dates are what they were.

    Parameters
    ----------
    times
        Turns a column of times into cells.
    """

    def __init__(self, shape: ColumnShape, times: Convert) -> None:
        self._shape, self._times = shape, times
        names = [one.name for one in shape.columns]
        if shape.geometry is None:
            self._places: list[str] = []
        elif shape.geometry_type == "Point":
            axes = ("lon", "lat") if shape.crs.unit == "degree" else ("x", "y")
            self._places = [free_name(axis, names[:-1]) for axis in axes]
        else:
            self._places = [names[-1]]
        own = [name for name in names if name != shape.geometry] + self._places
        declares = shape.crs.datum is not None and self._places
        self._datum = [free_name("datum", own)] if declares else []  # a table says it nowhere else
        self.names = own + self._datum

    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the cells of each batch."""
        for batch in batches:
            kept = len(self.names) - len(self._places) - len(self._datum)
            columns = [self._cells(column) for column in batch.columns[:kept]]
            datum = [pa.repeat(pa.scalar(self._shape.crs.datum), batch.num_rows) for _ in self._datum]
            yield pa.RecordBatch.from_arrays([*columns, *self._place(batch), *datum], names=self.names)

    def empty(self) -> pa.RecordBatch:
        """Return the cells of no rows, for their names and types."""
        return next(self.of([pa.RecordBatch.from_pylist([], schema=self._shape.schema)]))

    def _cells(self, column: pa.Array) -> pa.Array:
        if pa.types.is_string(column.type):
            return _guarded(column)
        if pa.types.is_list(column.type):
            return pa.array([None if one is None else cell(one) for one in column.to_pylist()], pa.string())
        return self._times(column) if pa.types.is_timestamp(column.type) else column

    def _place(self, batch: pa.RecordBatch) -> list[pa.Array]:
        digits = _DIGITS[self._shape.crs.unit]
        if len(self._places) == 2:
            places = coordinates_of(batch.columns[-1])
            return [pc.round(pa.array(places[:, axis], from_pandas=True), digits) for axis in (0, 1)]
        if not self._places:
            return []
        texts = shapely.to_wkt(geometries_of(batch.columns[-1]), rounding_precision=digits)
        return [pa.array(texts.tolist(), pa.string())]


def _guarded(column: pa.Array) -> pa.Array:
    """Return texts of which a spreadsheet runs none; only those that begin like a formula are looked at."""
    begins = pc.fill_null(pc.match_substring_regex(column, _FORMULA), fill_value=False)
    if not pc.any(begins).as_py():
        return column
    safe = [guarded(text) for text in column.filter(begins).to_pylist()]
    return pc.replace_with_mask(column, begins, pa.array(safe, pa.string()))
