"""Program that reads one file with GDAL and writes Arrow to its standard output; see `gdal.py`, which starts it.

An untrusted file is read in a process of its own: drivers that could reach other files or the network are not
registered there, its memory is limited, and a file that crashes GDAL crashes only the reader.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

MEMORY_BYTES_MAX = 4 * 1024**3
FAILED = 3
_OF_PROGRAMS = {"layer_styles", "qgis_projects"}  # tables that QGIS keeps in a GeoPackage; they hold no features


def main() -> int:
    """Run the one request of the first argument, which is JSON; a failure is written to standard error as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.loads(sys.argv[1])
    try:
        _REQUESTS[request.pop("do")](**request)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the other end has closed the pipe: a normal end
    except Exception as error:  # noqa: BLE001  # whatever GDAL says, the parent puts it into our words
        sys.stderr.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:1000]}) + "\n")
        return FAILED
    return 0


def _describe(path: str, layer: str | None, encoding: str | None) -> None:
    _without_frames()
    import pyogrio  # noqa: PLC0415  # after the limits are set

    layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None or name not in _OF_PROGRAMS]
    chosen = layer or (layers[0] if len(layers) == 1 else None)
    described: dict[str, Any] = {"layers": layers, "layer": chosen}
    if chosen in layers:
        info = pyogrio.read_info(path, layer=chosen, encoding=encoding)
        with _arrow(path, chosen, encoding, 1) as (names, reader):
            schema = base64.b64encode(reader.schema.serialize()).decode()
        described |= {
            "driver": info["driver"],
            "crs": info["crs"],
            "crs_unread": None if info["crs"] else _unread_crs(path, chosen, info["driver"]),
            "features": int(info["features"]),
            "schema": schema,
            **names,
        }
        described["has_geometry"] = info["geometry_type"] is not None
    json.dump(described, sys.stdout)


def _unread_crs(path: str, layer: str, driver: str) -> str | None:
    """Return a declared CRS that GDAL could not read; None when the file declares none."""
    if driver != "GPKG":
        return None
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)) as database:
        row = database.execute(
            """SELECT s.definition, s.srs_id FROM gpkg_geometry_columns AS g JOIN gpkg_spatial_ref_sys AS s
            USING (srs_id) WHERE g.table_name = ?""",
            (layer,),
        ).fetchone()
    return None if row is None or row[1] in {0, -1} or row[0] == "undefined" else str(row[0])[:200]


def _read(path: str, layer: str, encoding: str | None, batch_size: int) -> None:
    import pyarrow as pa  # noqa: PLC0415  # after the limits are set

    with (
        _arrow(path, layer, encoding, batch_size) as (_, reader),
        pa.PythonFile(sys.stdout.buffer, "w") as sink,
        pa.ipc.new_stream(sink, reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)


@contextmanager
def _arrow(path: str, layer: str, encoding: str | None, batch_size: int) -> Iterator[tuple[dict[str, str], Any]]:
    """Open the layer; yields the names of the columns that are not attributes, and the reader."""
    _without_frames()
    from pyogrio.raw import open_arrow  # noqa: PLC0415  # after the limits are set

    options: dict[str, Any] = {"encoding": encoding} if encoding else {}
    with open_arrow(path, layer=layer, batch_size=batch_size, use_pyarrow=True, return_fids=True, **options) as (
        meta,
        reader,
    ):
        yield {"geometry": meta["geometry_name"] or "wkb_geometry", "fid": meta["fid_column"] or "OGC_FID"}, reader


def _without_frames() -> None:
    """Keep pyogrio from importing what makes frames, which takes most of the start-up and is not used here."""
    for name in ("geopandas", "pandas", "shapely", "pyproj"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is how Python marks a module as absent


def _written(path: str, layer: str, driver: str, columns: list[str], key: str) -> None:
    """Write the texts in columns of dates that are no dates, by the numbers of the features, as JSON."""
    from layers.loaders import written_dates  # noqa: PLC0415  # after the limits are set

    found: written_dates.Written = {}
    if driver == "GPKG":
        found = written_dates.in_geopackage(path, layer, columns, key)
    elif driver == "ESRI Shapefile":
        beside = (Path(path).with_suffix(suffix) for suffix in (".dbf", ".DBF"))
        found = next((written_dates.in_dbf(dbf, columns) for dbf in beside if dbf.is_file()), {})
    json.dump(found, sys.stdout)


_REQUESTS: dict[str, Callable[..., None]] = {"describe": _describe, "read": _read, "written": _written}

if __name__ == "__main__":
    sys.exit(main())
