"""The format of a file, by its first and last bytes; its name only decides between formats without a signature."""

from __future__ import annotations

import os
import zipfile
from enum import StrEnum
from pathlib import Path

from layers.errors import BadFile
from layers.loaders.encoding import utf16_of

_HEAD_BYTES = 4096


class Format(StrEnum):
    """The formats that can be loaded."""

    GEOJSON = "GeoJSON"
    GEOJSONSEQ = "GeoJSONSeq"
    GEOPACKAGE = "GPKG"
    SHAPEFILE = "ESRI Shapefile"
    SHAPEFILE_ZIP = "ESRI Shapefile (zip)"
    FLATGEOBUF = "FlatGeobuf"
    GEOPARQUET = "GeoParquet"
    CSV = "CSV"
    XLSX = "XLSX"
    OSM_PBF = "OSM PBF"
    OSM_XML = "OSM XML"
    GEOTIFF = "GeoTIFF"


ALLOWED = (
    "GeoJSON, GeoJSON sequence, GeoPackage, Shapefile (also zipped), FlatGeobuf, GeoParquet, CSV, XLSX, "
    "OSM PBF, GeoTIFF"
)


def sniff(path: Path) -> Format:
    """Return the format of a file.

    Parameters
    ----------
    path
        A local file. For a Shapefile its `.shp`, with its siblings beside it.

    Raises
    ------
    BadFile
        When there is no such file, or it is empty, cut off, or of no supported format. The message names the apparent
        format and the allowed ones.
    """
    if not path.is_file():
        raise BadFile(f"there is no file '{path.name}'", parameter=path.name)
    if path.stat().st_size == 0:
        raise BadFile(f"'{path.name}' is empty (0 bytes)", parameter=path.name)
    head, tail = _ends(path)
    found = _by_magic(path, head, tail) or _by_text(path, head)
    if found is None:
        raise BadFile(f"'{path.name}' is of no format that can be loaded; allowed are {ALLOWED}", parameter=path.name)
    return found


def _ends(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(max(0, path.stat().st_size - 8), os.SEEK_SET)
        return head, file.read(8)


def _by_magic(  # noqa: PLR0911  # one answer a format
    path: Path, head: bytes, tail: bytes
) -> Format | None:
    if head.startswith(b"SQLite format 3\0"):
        if head[68:72] not in {b"GPKG", b"GP10", b"GP11"}:
            raise BadFile(f"'{path.name}' is an SQLite database but not a GeoPackage", parameter=path.name)
        return Format.GEOPACKAGE
    if head.startswith(b"PAR1"):
        if tail[-4:] != b"PAR1":
            raise BadFile(f"'{path.name}' is a Parquet file that is cut off", parameter=path.name)
        return Format.GEOPARQUET
    if head.startswith(b"fgb\x03fgb"):
        return Format.FLATGEOBUF
    if head.startswith(b"\x00\x00\x27\x0a"):
        return _shapefile(path, head)
    if head[4:15] == b"\x0a\x09OSMHeader":
        return Format.OSM_PBF
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Format.GEOTIFF
    if head.startswith(b"PK"):
        return _format_of_zip(path)
    return None


def _shapefile(path: Path, head: bytes) -> Format:
    if int.from_bytes(head[24:28], "big") * 2 > path.stat().st_size:  # some writers leave bytes after the end
        raise BadFile(f"'{path.name}' is a Shapefile that is cut off", parameter=path.name)
    return Format.SHAPEFILE


def _format_of_zip(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadFile(f"'{path.name}' is a zip file that is cut off or broken: {error}", parameter=path.name) from error
    if "xl/workbook.xml" in names:
        return Format.XLSX
    if any(name.lower().endswith(".shp") for name in names):
        return Format.SHAPEFILE_ZIP
    raise BadFile(f"'{path.name}' is a zip file without a Shapefile in it", parameter=path.name)


def _by_text(path: Path, head: bytes) -> Format | None:
    wide = utf16_of(head)
    text = head.decode(wide, "ignore").encode("utf-8", "ignore") if wide else head
    text = text.removeprefix(b"\xef\xbb\xbf").lstrip()
    suffix = path.suffix.lower()
    if text.startswith((b"{", b"[", b"\x1e")):
        return _json(path, text)
    if b"<osm" in text[:400]:
        return Format.OSM_XML
    if text.startswith((b"<", b"%PDF", b"MZ", b"\x7fELF")) or (b"\0" in head and not wide):
        return None
    return Format.CSV if suffix in {".csv", ".tsv", ".txt", ""} or _looks_delimited(text) else None


def _json(path: Path, text: bytes) -> Format:
    if text.startswith(b"\x1e"):
        return Format.GEOJSONSEQ
    first_line = text.split(b"\n", 1)[0].strip()
    balanced = first_line.endswith(b"}") and first_line.count(b"{") == first_line.count(b"}")
    complete = balanced and len(first_line) < len(text)
    if complete and b'"FeatureCollection"' not in first_line:
        return Format.GEOJSONSEQ
    if path.suffix.lower() in {".geojsonl", ".geojsons", ".ndjson", ".ndgeojson", ".jsonl"}:
        return Format.GEOJSONSEQ
    return Format.GEOJSON


def _looks_delimited(text: bytes) -> bool:
    lines = text.split(b"\n")[:-1][:5]
    return any(
        len(lines) > 1 and lines[0].count(d) > 0 and lines[0].count(d) == lines[1].count(d)
        for d in (b",", b"\t", b";", b"|")
    )
