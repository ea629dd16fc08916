"""OpenStreetMap files, read as one of GDAL's layers at a time."""

from __future__ import annotations

from pathlib import Path

from layers.errors import BadFile
from layers.loaders.batch import Source
from layers.loaders.sniff import Format
from layers.loaders.vector import open_vector

LAYERS = ("points", "lines", "multilinestrings", "multipolygons", "other_relations")


def open_osm(path: Path, kind: Format, *, layer: str | None = None) -> Source:
    """Open an OSM PBF or XML file.

    Parameters
    ----------
    path, kind
        The file and the format that `sniff` returned.
    layer
        One of `LAYERS`: an OSM file holds them all.

    Raises
    ------
    BadFile
        When no layer or an unknown one was named, or the file is damaged.
    """
    if layer not in LAYERS:
        given = f"not '{layer}'" if layer else "one must be named"
        raise BadFile(f"'{path.name}' holds {', '.join(LAYERS)}; {given}: --source-layer lines", parameter=path.name)
    return open_vector(path, kind, layer=layer)
