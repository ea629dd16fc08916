"""A generated layer before it is loaded: columns of equal length and geometries in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


@dataclass
class DemoTable:
    """Rows of one layer, column by column.

    Attributes
    ----------
    layer
        Id of the layer, for example ``grids``.
    ids
        Feature ids, all different.
    geometry
        Shape (n,), shapely geometries; in metres during generation, then in CGCS2000 degrees. None in a layer
        without places.
    columns
        One column per field; a single value (string, number, boolean, None) stands for all rows.
    """

    layer: str
    ids: list[str]
    geometry: NDArray[np.object_]
    columns: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> list[Any]:
        """Return a column as plain Python values, one per row.

        Raises
        ------
        ValueError
            When the column has another number of values than there are rows.
        """
        values = self.columns[name]
        if isinstance(values, np.ndarray):
            values = values.tolist()
        if isinstance(values, list):
            if len(values) != len(self):
                raise ValueError(f"{self.layer}.{name} has {len(values)} values for {len(self)} rows")
            return values
        return [values] * len(self)

    def records(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return rows of (id, well-known binary, named fields)."""
        binary = shapely.to_wkb(shapely.set_srid(self.geometry, 4490), include_srid=True).tolist()
        return list(zip(self.ids, binary, *(self.column(n) for n in names), strict=True))


def without_places(layer: str, ids: list[str], columns: dict[str, Any]) -> DemoTable:
    """Return the table of a layer whose features have no places."""
    return DemoTable(layer, ids, np.full(len(ids), None, dtype=object), columns)


def concat_tables(tables: Sequence[DemoTable]) -> DemoTable:
    """Concatenate the rows of several tables of one layer."""
    first = tables[0]
    if len(tables) == 1:
        return first
    columns = {name: [v for t in tables for v in t.column(name)] for name in first.columns}
    return DemoTable(
        first.layer, [i for t in tables for i in t.ids], np.concatenate([t.geometry for t in tables]), columns
    )
