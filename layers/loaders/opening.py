"""The opening of a file of any format as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from layers.errors import BadFile
from layers.loaders.batch import Source
from layers.loaders.osm import open_osm
from layers.loaders.parquet import open_parquet
from layers.loaders.sniff import Format, sniff
from layers.loaders.spreadsheet import open_xlsx
from layers.loaders.table import open_csv
from layers.loaders.vector import open_vector


def open_source(
    path: Path,
    *,
    declared: Mapping[str, str] | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    located: bool = True,
) -> Source:
    """Open a file of any format that holds features.

    Parameters
    ----------
    path
        A local file; its bytes decide its format, not its name.
    declared
        Columns of a table's coordinates, by `lon`, `lat`, `x`, `y`, `wkt`.
    encoding
        Encoding of a text file or a Shapefile; detected by default.
    layer
        Layer or sheet of a file that has several.
    located
        Whether the rows have a place; if not, columns of coordinates are columns like others.

    Raises
    ------
    BadFile
        When it cannot be loaded at all; the message says why and what is allowed. A GeoTIFF is one: it has no features.
    """
    path = path.resolve()
    kind = sniff(path)
    opened = _open(path, kind, declared or {}, encoding, layer, located=located)
    return opened if located else replace(opened, has_geometry=False)


def _open(
    path: Path, kind: Format, declared: Mapping[str, str], encoding: str | None, layer: str | None, *, located: bool
) -> Source:
    match kind:
        case Format.CSV:
            return open_csv(path, declared=declared, encoding=encoding, located=located)
        case Format.XLSX:
            return open_xlsx(path, declared=declared, layer=layer, located=located)
        case Format.GEOPARQUET:
            return open_parquet(path, declared=declared, encoding=encoding, located=located)
        case Format.OSM_PBF | Format.OSM_XML:
            return open_osm(path, kind, layer=layer)
        case Format.GEOTIFF:
            raise BadFile(f"'{path.name}' is a raster; it has no features", parameter=path.name)
        case _:
            return open_vector(path, kind, layer=layer, encoding=encoding)
