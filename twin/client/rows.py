"""Rows of a layer, read as what the analyst works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from twin.client.columns import counted, needed, read_batches, to_frame
from twin.client.selected import Selected

if TYPE_CHECKING:
    import duckdb
    import geopandas
    import pandas as pd
    import polars as pl

_MATCHED = "OGC-NumberMatched"


class Rows(Selected):
    """Rows that can be read; methods that read take what narrows as well."""

    __slots__ = ()

    def to_arrow(self, **narrower: Any) -> pa.Table:
        """Return the rows as an Arrow table, places as GeoArrow WKB.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        with self.batches(**narrower) as reader:
            return pa.Table.from_batches(reader, reader.schema)

    @contextmanager
    def batches(self, **narrower: Any) -> Iterator[pa.RecordBatchReader]:
        """Open the rows as batches that are read as they come, for more rows than memory holds.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        asked = self._narrowed(**narrower)
        with asked.opened("arrow") as response:
            reader = read_batches(response)
            total = response.headers.get(_MATCHED)
            shown = counted(reader, int(total) if total else None, self.layer)
            yield pa.RecordBatchReader.from_batches(reader.schema, shown)

    def to_geopandas(self, **narrower: Any) -> geopandas.GeoDataFrame:
        """Return the rows as a GeoDataFrame; of a layer without places, as a DataFrame.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        ImportError
            When geopandas is not installed.
        """
        return to_frame(self.to_arrow(**narrower))

    def to_pandas(self, **narrower: Any) -> pd.DataFrame:
        """Return the rows as a DataFrame without places.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        ImportError
            When pandas is not installed.
        """
        needed("pandas")
        frame: pd.DataFrame = self.to_arrow(geometry=False, **narrower).to_pandas()
        return frame

    def to_polars(self, **narrower: Any) -> pl.DataFrame:
        """Return the rows as a DataFrame of polars, places as WKB.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        ImportError
            When polars is not installed.
        """
        return needed("polars").from_arrow(self.to_arrow(**narrower))

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None, **narrower: Any) -> Any:
        """Return the rows as a relation of DuckDB, in a connection of yours or in its default one.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        ImportError
            When DuckDB is not installed.
        """
        module = needed("duckdb")
        return (connection or module).from_arrow(self.to_arrow(**narrower))

    def save(self, path: str | Path, **narrower: Any) -> Path:
        """Write the rows as a GeoParquet file, with constant memory; the file appears when it is whole.

        Raises
        ------
        TwinError
            When the server refuses, is away, or breaks off.
        OSError
            When the file cannot be written.
        """
        target = Path(path)
        aside = target.with_name(f".{target.name}.part")
        try:
            with self._narrowed(**narrower).opened("parquet") as response, aside.open("wb") as file:
                for part in response.iter_bytes():
                    file.write(part)
            pq.read_metadata(aside)  # a file that was cut off has no end
            return aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
