"""Files that GDAL writes: FlatGeobuf and GeoPackage. Both begin with what is known last, so they are made first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pyarrow as pa

from layers.columns.shape import ColumnShape
from layers.errors import OneMapError
from server.formats.columnar import ColumnFormat, ColumnHead

_PART_BYTES = 1024 * 1024
_GDAL_NAMES = {"Geometry": "Unknown"}
_KEY = "fid"


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorFileFormat(ColumnFormat):
    """A file of one layer, made in the workspace and removed before its first byte is sent.

    Attributes
    ----------
    driver
        GDAL's name of the format.
    options
        How the layer is made.
    """

    driver: str
    options: Mapping[str, str] = field(default_factory=dict)

    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield the file once it is whole."""
        with TemporaryDirectory(dir=head.workspace) as folder:
            path = Path(folder) / f"{head.name}.{self.ending}"
            self._make(path, head, batches)
            opened = path.open("rb")
        with opened:
            while part := opened.read(_PART_BYTES):
                yield part

    def _make(self, path: Path, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> None:
        shape = head.shape
        schema = _flat_schema(shape)
        source = _Source(batches, schema)
        rows = pa.RecordBatchReader.from_batches(schema, source.rows())
        facts = {**head.about, **{f"watermark_{name}": text for name, text in head.watermark.items()}}
        from pyogrio.raw import write_arrow  # noqa: PLC0415  # it brings pandas: more than a second at every start

        with source.raising():
            write_arrow(
                rows,
                path,
                layer=head.name,
                driver=self.driver,
                geometry_name=shape.geometry,
                geometry_type=_GDAL_NAMES.get(str(shape.geometry_type), shape.geometry_type),
                crs=None if shape.geometry is None else f"EPSG:{shape.crs.srid}",
                layer_metadata=facts or None,
                layer_options={name: text.format(key=_key(shape)) for name, text in self.options.items()},
            )


class _Source:
    """Rows for GDAL, which learns of an error only that there was one; ours is kept."""

    def __init__(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        self._batches, self._schema = batches, schema
        self._fault: OneMapError | None = None

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows without lists."""
        try:
            for batch in self._batches:
                yield _flat(batch, self._schema)
        except OneMapError as error:
            self._fault = error
            raise

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise the error that ended the rows, in the place of whatever became of it.

        Raises
        ------
        OneMapError
            As the rows raised it.
        """
        try:
            yield
        except Exception as error:
            if self._fault is None:
                raise
            raise self._fault from error
        if self._fault is not None:
            raise self._fault


def _key(shape: ColumnShape) -> str:
    """Return a name for GeoPackage's own key of whole numbers, which no column has; SQLite knows no capitals."""
    names, key = {one.name.lower() for one in shape.columns}, _KEY
    while key in names:
        key = f"_{key}"
    return key


def _flat_schema(shape: ColumnShape) -> pa.Schema:
    """Return the schema with lists as JSON, for neither format has lists, and the mark of the geometries."""
    columns = [pa.field(one.name, pa.string()) if pa.types.is_list(one.type) else one for one in shape.schema]
    if shape.geometry is not None:
        columns[-1] = columns[-1].with_metadata({"ARROW:extension:name": "ogc.wkb"})
    return pa.schema([one if one.name == shape.geometry else one.remove_metadata() for one in columns])


def _flat(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([_without_lists(column) for column in batch.columns], schema=schema)


def _without_lists(column: pa.Array) -> pa.Array:
    if not pa.types.is_list(column.type):
        return column
    return pa.array([None if one is None else orjson.dumps(one).decode() for one in column.to_pylist()], pa.string())


FLATGEOBUF = VectorFileFormat(
    f="flatgeobuf",
    type="application/flatgeobuf",
    title="FlatGeobuf",
    aliases=("fgb",),
    ending="fgb",
    needs_geometry=True,
    shifts=False,  # GDAL and QGIS draw a file of no system where the project's system puts it
    driver="FlatGeobuf",
    options={"SPATIAL_INDEX": "NO"},  # it would sort features by place, and take none without a geometry
)
GEOPACKAGE = VectorFileFormat(
    f="gpkg",
    type="application/geopackage+sqlite3",
    title="GeoPackage",
    aliases=("geopackage",),
    ending="gpkg",
    shifts=False,
    driver="GPKG",
    options={"FID": "{key}"},
)
