"""The formats that GDAL reads: GeoJSON, GeoJSON sequence, GeoPackage, Shapefile (zipped, GBK), FlatGeobuf and OSM."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from layers.coordinates.crs import srid_of
from layers.errors import BadCrs, BadFile
from layers.loaders import gdal, geojson
from layers.loaders.archive import unpack_shapefile
from layers.loaders.batch import Batch, Source
from layers.loaders.dbf import RAW, DbfTexts, decode_columns, read_texts
from layers.loaders.encoding import UTF8, Encoding, as_utf8, known, open_checked, refuse_marked
from layers.loaders.sniff import Format

_TEXT = {Format.GEOJSON, Format.GEOJSONSEQ}
_MEMBER_BYTES = 64 * 1024  # at either end of a GeoJSON, which are searched for its `crs` member
_CRS_MEMBER = re.compile(
    rb'"crs"\s*:\s*\{\s*"(?:type|properties)"\s*:(?:[^{}]{0,100}"type"\s*:\s*"name"|\s*"name")?'
    rb'[^{}]{0,100}\{\s*(?:"name"\s*:\s*"(?P<name>[^"]{0,200})"|(?P<other>[^{}]{0,200}))'
)
_SHX_HEAD_BYTES, _SHX_ENTRY_BYTES = 100, 8


def open_vector(path: Path, kind: Format, *, layer: str | None = None, encoding: str | None = None) -> Source:
    """Open a file that GDAL reads.

    Parameters
    ----------
    path, kind
        The file and the format that `sniff` returned.
    layer
        Name of the layer in a file with several.
    encoding
        Encoding of its texts. By default a Shapefile's `.cpg` unless its texts show another, else UTF-8 or GBK,
        detected from all texts. For a GeoPackage or FlatGeobuf, whose texts should be UTF-8: encoding of the others.

    Raises
    ------
    BadFile
        When it cannot be opened, is incomplete, or has several layers and none was named.
    """
    if kind is Format.SHAPEFILE_ZIP:
        return _open_zipped_shapefile(path, encoding)
    if kind is Format.SHAPEFILE:
        return _shapefile(path, encoding)
    if kind in _TEXT:
        found = open_checked(path, encoding)
        if not (found.clean and found.name == UTF8):
            return _open_transcoded(path, kind, found, layer)
        described = _with_crs_member(path, gdal.describe(path, layer))
        beside = geojson.look(path)
        return _source(
            path,
            kind,
            replace(described, attributes=beside.schema(described.attributes)),
            lambda: geojson.restored(gdal.read(path, described), path, beside),
        )
    codec = known(path.name, encoding) if encoding else UTF8
    described = gdal.describe(path, layer)
    return _source(path, kind, described, lambda: gdal.read(path, described, codec))


def _source(
    path: Path,
    kind: Format,
    described: gdal.Description,
    batches: Callable[[], Iterator[Batch]],
    note: str | None = None,
) -> Source:
    return Source(
        name=path.name,
        format=kind.value,
        columns=described.attributes,
        has_geometry=described.has_geometry,
        crs=described.crs,
        batches=batches,
        total_rows=described.features if described.features >= 0 else None,
        notes=(note,) if note else (),
        crs_unread=described.crs_unread,
    )


def _open_transcoded(path: Path, kind: Format, encoding: Encoding, layer: str | None) -> Source:
    """Open a text that is not, or not wholly, UTF-8 through a copy in UTF-8."""
    with _as_utf8(path, encoding) as copy:
        described = _with_crs_member(copy, gdal.describe(copy, layer))
        beside = geojson.look(copy)

    def batches() -> Iterator[Batch]:
        with _as_utf8(path, encoding) as copy:
            for batch in geojson.restored(gdal.read(copy, described), copy, beside):
                refuse_marked(batch, encoding.name)
                yield batch

    restored = replace(described, attributes=beside.schema(described.attributes))
    return _source(path, kind, restored, batches, f"encoding {encoding.name}")


def _with_crs_member(path: Path, described: gdal.Description) -> gdal.Description:
    """Return the description with an unreadable `crs` member, for which GDAL would assume WGS 84."""
    with path.open("rb") as file:
        found = file.read(_MEMBER_BYTES)
        file.seek(max(0, path.stat().st_size - _MEMBER_BYTES))
        found += file.read()
    member = _CRS_MEMBER.search(found)
    if member is None:
        return described
    declared = (member["name"] or member["other"] or b"").decode("utf-8", "replace")
    try:
        srid_of(declared)
    except BadCrs:
        return replace(described, crs=None, crs_unread=declared)
    return described


@contextmanager
def _as_utf8(path: Path, encoding: Encoding) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onemap-utf8-") as folder:
        copy = Path(folder) / path.name
        try:
            with path.open("rb") as file, copy.open("wb") as out:
                out.writelines(as_utf8(file, encoding))
        except UnicodeError as error:
            raise BadFile(f"'{path.name}' is not {encoding.name}: {error}", parameter=path.name) from error
        yield copy


def _shapefile(path: Path, encoding: str | None) -> Source:
    """Open a Shapefile, whose texts GDAL returns undecoded, as Latin-1."""
    dbf, shx = (_require_sibling(path, suffix) for suffix in (".dbf", ".shx"))
    texts = read_texts(dbf, _sibling(path, ".cpg"), encoding)
    shapes = (shx.stat().st_size - _SHX_HEAD_BYTES) // _SHX_ENTRY_BYTES
    if texts.rows < shapes:
        raise BadFile(
            f"'{path.name}' has {shapes} shapes, and '{dbf.name}' only {texts.rows} rows: it is incomplete",
            parameter=path.name,
        )
    with _beside(path) as shape:
        described = gdal.describe(shape, encoding=RAW)
    renamed = _rename(described.attributes, texts)
    prj = _sibling(path, ".prj")
    if described.crs is None and prj is not None and prj.read_bytes().strip():
        described = replace(described, crs_unread=prj.read_bytes()[:200].decode("utf-8", "replace").strip())

    def batches() -> Iterator[Batch]:
        with _beside(path) as shape:
            for batch in gdal.read(shape, described, encoding=RAW):
                decode_columns(batch, texts.columns)
                batch.columns = batch.columns.rename_columns(renamed.names)
                refuse_marked(batch, texts.names)
                yield batch

    return _source(path, Format.SHAPEFILE, replace(described, attributes=renamed), batches, texts.note)


def _rename(attributes: pa.Schema, texts: DbfTexts) -> pa.Schema:
    """Return the attributes with names decoded and made unique."""
    names: set[str] = set()
    fields = []
    for number, field in enumerate(attributes, 1):
        stem = texts.name(field.name) or f"field_{number}"
        name, suffix = stem, 2
        while name in names:
            name, suffix = f"{stem}_{suffix}", suffix + 1
        names.add(name)
        fields.append(field.with_name(name))
    return pa.schema(fields)


def _open_zipped_shapefile(path: Path, encoding: str | None) -> Source:
    with _unpacked(path) as shape:
        opened = open_vector(shape, Format.SHAPEFILE, encoding=encoding)

    def batches() -> Iterator[Batch]:
        with _unpacked(path) as shape:
            yield from open_vector(shape, Format.SHAPEFILE, encoding=encoding).batches()

    return replace(opened, name=path.name, format=Format.SHAPEFILE_ZIP.value, batches=batches)


class _unpacked:  # noqa: N801  # a context manager is used like a function
    """The unpacked Shapefile of a zip file, while it is read."""

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


def _require_sibling(path: Path, suffix: str) -> Path:
    found = _sibling(path, suffix)
    if found is None:
        raise BadFile(f"'{path.name}' lacks '{path.stem}{suffix}' beside it", parameter=path.name)
    return found


def _sibling(path: Path, suffix: str) -> Path | None:
    """Return a file of the same name with another suffix, in either case; None without one."""
    name = (path.stem + suffix).lower()
    exact = path.with_suffix(suffix)
    if exact.is_file():
        return exact
    return next((one for one in sorted(path.parent.iterdir()) if one.name.lower() == name and one.is_file()), None)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a Shapefile whose parts have the names that GDAL expects, without the `.cpg` that GDAL would follow."""
    with tempfile.TemporaryDirectory(prefix="onemap-shape-") as folder:
        for suffix in (".shp", ".shx", ".dbf", ".prj"):
            found = path if suffix == ".shp" else _sibling(path, suffix)
            if found is not None:
                (Path(folder) / f"{path.stem}{suffix}").symlink_to(found.absolute())
        yield Path(folder) / f"{path.stem}.shp"
