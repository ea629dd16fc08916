"""GeoJSON, GeoJSON sequence, GeoPackage, Shapefile (also zipped, also GBK), FlatGeobuf and OSM: what GDAL reads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from layers.errors import BadFile
from layers.loaders import gdal
from layers.loaders.archive import unpack_shapefile
from layers.loaders.batch import Batch, Source
from layers.loaders.sniff import Format

_GBK = "GB18030"  # holds GBK and GB2312
_DBF_SAMPLE_BYTES = 4 * 1024**2


def open_vector(path: Path, kind: Format, *, layer: str | None = None, encoding: str | None = None) -> Source:
    """Open a file that GDAL reads.

    Parameters
    ----------
    path, kind
        The file and what `sniff` found it to be.
    layer
        Which layer of a file that has several.
    encoding
        Of a Shapefile's texts; by default its `.cpg`, else UTF-8 where that fits, else GBK.

    Raises
    ------
    BadFile
        When it cannot be opened, is incomplete, or has several layers and none was named.
    """
    if kind is Format.SHAPEFILE_ZIP:
        return _zipped_shapefile(path, encoding)
    if kind is Format.SHAPEFILE:
        _check_siblings(path)
        encoding = encoding or _dbf_encoding(path)
    described = gdal.describe(path, layer, encoding)
    return Source(
        name=path.name,
        format=kind.value,
        columns=described.attributes,
        has_geometry=described.has_geometry,
        crs=described.crs,
        batches=lambda: gdal.read(path, described, encoding),
        total_rows=described.features if described.features >= 0 else None,
    )


def _zipped_shapefile(path: Path, encoding: str | None) -> Source:
    with _unpacked(path) as shape:
        opened = open_vector(shape, Format.SHAPEFILE, encoding=encoding)

    def batches() -> Iterator[Batch]:
        with _unpacked(path) as shape:
            yield from open_vector(shape, Format.SHAPEFILE, encoding=encoding).batches()

    return replace(opened, name=path.name, format=Format.SHAPEFILE_ZIP.value, batches=batches)


class _unpacked:  # noqa: N801  # a context manager is used like a function
    """The Shapefile of a zip file, for as long as it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = tempfile.TemporaryDirectory(prefix="onemap-unpacked-")

    def __enter__(self) -> Path:
        try:
            return unpack_shapefile(self._path, Path(self._folder.name))
        except BaseException:
            self._folder.cleanup()
            raise

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _check_siblings(path: Path) -> None:
    for suffix in (".dbf", ".shx"):
        if _sibling(path, suffix) is None:
            raise BadFile(f"'{path.name}' lacks '{path.stem}{suffix}' beside it", parameter=path.name)


def _sibling(path: Path, suffix: str) -> Path | None:
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    return None


def _dbf_encoding(path: Path) -> str | None:
    """Guess the encoding of a `.dbf` that says nothing of it; None leaves it to GDAL."""
    dbf = _sibling(path, ".dbf")
    if dbf is None or _sibling(path, ".cpg"):
        return None
    with dbf.open("rb") as file:
        head = file.read(32)
        said = head[29:30]
        file.seek(int.from_bytes(head[8:10], "little"))
        sample = file.read(_DBF_SAMPLE_BYTES)
    if said not in {b"\0", b"\x57"}:  # 0x57 is "ANSI", which in China means GBK
        return None
    # A multi-byte character may be cut at the end of the sample.
    for cut in range(4):
        with suppress(UnicodeDecodeError):
            sample[: len(sample) - cut].decode("utf-8")
            return "UTF-8"
    return _GBK
