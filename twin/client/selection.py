"""A layer, or a part of it: asked for lazily, and read as what the analyst works with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from twin.client.columns import counted, needed, read_batches, to_frame
from twin.client.live import changes
from twin.client.question import Moment, Question, instant
from twin.client.transport import Transport

if TYPE_CHECKING:
    import duckdb
    import geopandas
    import pandas as pd
    import polars as pl


_MATCHED = "OGC-NumberMatched"


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows and columns of a layer.

    It is immutable and lazy: each method that narrows it returns another one, and nothing is asked before a method that
    reads. Methods that read also take what narrows, so that one line does: ``twin["grids"].to_geopandas(bbox=…)``.

    Attributes
    ----------
    layer
        Its id.
    question
        What is asked of it.
    """

    _transport: Transport = field(repr=False)
    layer: str
    question: Question = field(default_factory=Question)

    # --- narrowing ---------------------------------------------------------------------------------------------------

    def where(self, condition: str) -> Self:
        """Return the rows for which a CQL2 text holds as well, for example ``"level >= 3 AND name LIKE '天河%'"``."""
        return self._narrowed(where=condition)

    def bbox(self, west: float, south: float, east: float, north: float) -> Self:
        """Return the rows that touch a box, in degrees."""
        return self._narrowed(bbox=(west, south, east, north))

    def at(self, moment: Moment) -> Self:
        """Return the rows as they were at a moment."""
        return self._narrowed(at=moment)

    def during(self, begin: Moment | None, end: Moment | None) -> Self:
        """Return the rows whose own time is in a period; None leaves an end open."""
        return self._narrowed(during=(begin, end))

    def columns(self, *names: str) -> Self:
        """Return the same rows with these properties alone; the id and the place stay."""
        return self._narrowed(columns=names)

    def sort(self, *names: str) -> Self:
        """Return the rows in an order: property names, with ``-`` before those that fall."""
        return self._narrowed(sort=names)

    def limit(self, rows: int) -> Self:
        """Return the first rows of the order.

        Raises
        ------
        ValueError
            For fewer than one.
        """
        return self._narrowed(limit=rows)

    def _narrowed(self, **narrower: Any) -> Self:
        return replace(self, question=self.question.refined(**narrower))

    # --- reading -----------------------------------------------------------------------------------------------------

    def count(self, **narrower: Any) -> int:
        """Return the number of rows, without reading them.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        if narrower:
            return self._narrowed(**narrower).count()
        found = self._transport.json(self._path, self._parameters("json") | {"resulttype": "hits", "limit": None})
        total = int(found["numberMatched"])
        return total if self.question.rows_max is None else min(total, self.question.rows_max)

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

    def opened(self, form: str) -> AbstractContextManager[httpx.Response]:
        """Open the rows in a form of the server's (``csv``, ``gpkg``, ``flatgeobuf`` …), as bytes that come.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        return self._transport.stream(self._path, self._parameters(form))

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

    # --- answers about many rows -------------------------------------------------------------------------------------

    def aggregate(
        self, by: str = "grid", *, begin: Moment | None = None, end: Moment | None = None, **narrower: Any
    ) -> geopandas.GeoDataFrame:
        """Return how many rows are in each area, with rates, empty areas too.

        Parameters
        ----------
        by
            ``grid``, ``community``, ``street``, ``district``, ``urban_village``, ``h3:8``, ``square:500``; the ids of
            the layers (``grids``) are understood too.
        begin, end
            A span of the layer's time, with which a baseline of the last eight weeks comes.

        Raises
        ------
        BadRequest
            For areas that cannot be counted by, or conditions other than `where`.
        ImportError
            When geopandas is not installed.
        """
        from twin.client.features import to_geodataframe  # noqa: PLC0415  # geopandas is an extra

        asked = self._narrowed(**narrower).question
        if asked.bbox_crs84 or asked.period:
            raise ValueError("aggregate counts by area and by begin and end; bbox and during narrow nothing here")
        parameters = {
            "layer": self.layer,
            "by": _AREAS.get(by, by),
            "from": None if begin is None else instant(begin),
            "to": None if end is None else instant(end),
            "at": asked.moment,
            "filter": asked.filter,
            "f": "geojson",
        }
        return to_geodataframe(self._transport.json("/twin/aggregate", parameters))

    def live(self, *, since: int | None = None, **narrower: Any) -> AsyncIterator[dict[str, Any]]:
        """Return the changes of the layer as they happen, as an asynchronous iterator that resumes by itself.

        `where` and `bbox` hold for changes too.

        Parameters
        ----------
        since
            Begin after the change of this number; None begins with what happens from now on.

        Raises
        ------
        ValueError
            For a moment or a period: a stream is of now.
        Gap
            While iterating, when changes were lost or the rights changed: read the state again.

        Examples
        --------
        >>> async for change in twin["events"].live():  # doctest: +SKIP
        ...     print(change["kind"], change["id"])
        """
        asked = self._narrowed(**narrower).question
        if asked.moment or asked.period:
            raise ValueError("a stream is of now; at and during cannot narrow it")
        parameters = asked.parameters()
        return changes(self._transport, {"layers": self.layer} | {n: parameters[n] for n in ("bbox", "filter")}, since)

    # --- what a notebook shows ---------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address that answers with these rows as GeoJSON."""
        given = {name: value for name, value in self._parameters("json").items() if value is not None}
        return f"{self._transport.url}{self._path}?{urlencode(given)}"

    @property
    def fields(self) -> dict[str, str]:
        """Titles of the fields by name, from the layer's schema.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        found = self._transport.json(f"/ogc/collections/{self.layer}/schema", {"f": "json"})["properties"]
        return {name: str(one.get("title", "")) for name, one in found.items()}

    def __repr__(self) -> str:
        return f"<{self.layer}: {self.url}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(n)}</code></td><td>{escape(t)}</td></tr>" for n, t in self.fields.items()
        )
        return f"<table><caption>{escape(self.layer)}: {self.count():,}</caption>{rows}</table>"

    @property
    def _path(self) -> str:
        return f"/ogc/collections/{self.layer}/items"

    def _parameters(self, form: str) -> dict[str, Any]:
        rows = self.question.rows_max
        everything = "all" if form != "json" else None
        return self.question.parameters() | {"f": form, "limit": rows if rows is not None else everything}


_AREAS = {
    "grids": "grid",
    "communities": "community",
    "streets": "street",
    "districts": "district",
    "urban_villages": "urban_village",
}
