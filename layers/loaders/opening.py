"""From a path to a source that can be read, whatever the format."""

from __future__ import annotations

from collections.abc import Mapping
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
    path: Path, *, declared: Mapping[str, str] | None = None, encoding: str | None = None, layer: str | None = None
) -> Source:
    """Open a file of any format that holds features.

    Parameters
    ----------
    path
        A local file; what it is, its bytes decide, not its name.
    declared
        Columns of a table's coordinates, by `lon`, `lat`, `x`, `y`, `wkt`.
    encoding
        Of a text file or a Shapefile; by default it is found out.
    layer
        Layer or sheet of a file that has several.

    Raises
    ------
    BadFile
        When it cannot be loaded at all; the message says why and what is allowed. A GeoTIFF is one: it has no features.
    """
    path = path.resolve()
    kind = sniff(path)
    match kind:
        case Format.CSV:
            return open_csv(path, declared=declared or {}, encoding=encoding)
        case Format.XLSX:
            return open_xlsx(path, declared=declared or {}, layer=layer)
        case Format.GEOPARQUET:
            return open_parquet(path, declared=declared or {})
        case Format.OSM_PBF | Format.OSM_XML:
            return open_osm(path, kind, layer=layer)
        case Format.GEOTIFF:
            raise BadFile(f"'{path.name}' is a raster; it has no features", parameter=path.name)
        case _:
            return open_vector(path, kind, layer=layer, encoding=encoding)
