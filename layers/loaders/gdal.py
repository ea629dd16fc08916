"""GDAL in a process of its own: starts the reader and reads its Arrow stream."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import shapely

from layers.conversion.convert import texts
from layers.errors import BadFile
from layers.loaders.batch import Batch
from layers.loaders.encoding import UTF8, decoded_texts, refuse_marked
from layers.loaders.shapes import UNREADABLE, from_wkb

_PROJECT = Path(__file__).resolve().parents[2]
_DRIVERS = {"ESRI Shapefile", "GeoJSON", "GeoJSONSeq", "GPKG", "FlatGeobuf", "OSM"}
BATCH_ROWS = 20_000
_DESCRIBE_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Description:
    """GDAL's description of one layer of a file.

    Attributes
    ----------
    features
        Their number; -1 when GDAL would have to read the file to know.
    geometry, fid
        Names of the columns that are not attributes.
    attributes
        The types of the others.
    keyed
        Whether the feature's number is an attribute too, as its `id`.
    written
        The texts of dates that GDAL changes to another day, by column and number of the feature.
    """

    driver: str
    layer: str
    crs: str | None
    features: int
    has_geometry: bool
    geometry: str
    fid: str
    attributes: pa.Schema
    crs_unread: str | None = None
    keyed: bool = False
    written: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def describe(path: Path, layer: str | None = None, encoding: str | None = None) -> Description:
    """Describe a file without reading its rows.

    Raises
    ------
    BadFile
        When GDAL cannot open it, it has no layer of that name, or several and none was named.
    """
    response = _ask(path, {"do": "describe", "path": str(path), "layer": layer, "encoding": encoding})
    if "schema" not in response:
        names = ", ".join(response["layers"][:20]) or "none"
        given = f"has no layer '{layer}'" if layer else "has several layers"
        raise BadFile(f"'{path.name}' {given}; name one of them with --source-layer: {names}", parameter=path.name)
    own = {response["geometry"], response["fid"]}
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(response["schema"])))
    attributes = pa.schema([f.remove_metadata() for f in schema if f.name not in own])
    if keyed := _has_key(response, attributes):
        attributes = attributes.insert(0, pa.field("id", pa.int64()))
    known = ("driver", "layer", "crs", "features", "has_geometry", "geometry", "fid", "crs_unread")
    described = Description(**{name: response[name] for name in known}, attributes=attributes, keyed=keyed)
    return replace(described, written=_written_dates(path, described))


def _written_dates(path: Path, described: Description) -> dict[str, dict[int, str]]:
    """Return the texts of dates that GDAL changes to another day."""
    dates = [f.name for f in described.attributes if pa.types.is_temporal(f.type)]
    if not dates or described.driver not in {"GPKG", "ESRI Shapefile"}:
        return {}
    about = {"layer": described.layer, "driver": described.driver, "columns": dates, "key": described.fid}
    response = _ask(path, {"do": "written", "path": str(path)} | about)
    return {column: {int(number): text for number, text in texts.items()} for column, texts in response.items()}


def _ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603  # our own program, our own arguments
            _command(request),
            capture_output=True,
            env=_environment(),
            cwd=_PROJECT,
            timeout=_DESCRIBE_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadFile(f"'{path.name}' takes too long to open", parameter=path.name) from error
    if done.returncode:
        raise _failure(path, done.returncode, done.stderr)
    response: dict[str, Any] = json.loads(done.stdout)
    return response


def _has_key(response: dict[str, Any], attributes: pa.Schema) -> bool:
    """Whether the numbers of features are lasting ids: a GeoPackage stores them, other formats count while reading."""
    own = response["driver"] == "GPKG" and response["fid"] != "OGC_FID"
    return own and not any(name.lower() == "id" for name in attributes.names)


def read(path: Path, description: Description, fallback: str = UTF8, *, encoding: str | None = None) -> Iterator[Batch]:
    """Read the rows in batches of at most `BATCH_ROWS`; `lines` counts features from 1.

    Parameters
    ----------
    fallback
        Encoding of texts that are not UTF-8; rows with texts in neither are refused.
    encoding
        The encoding that GDAL is given for the file.

    Raises
    ------
    BadFile
        When the file breaks off or cannot be decoded, after the batches before the fault.
    """
    first = 1
    with _stream(path, description.layer, encoding) as reader:
        while True:
            try:
                batch, decoded = _texts(reader.read_next_batch(), fallback)
                batch.validate(full=True)
            except StopIteration:
                _check_whole(path, description, first - 1)
                return
            except pa.ArrowInvalid as error:
                raise BadFile(f"'{path.name}' cannot be read: {error}", parameter=path.name) from error
            made = _batch(batch, description, first)
            if decoded:
                refuse_marked(made, fallback)
            yield made
            first += batch.num_rows


def _texts(batch: pa.RecordBatch, fallback: str) -> tuple[pa.RecordBatch, bool]:
    """Return a batch with its columns decoded that GDAL takes for UTF-8 and are not, and whether there were any."""
    columns = list(batch.columns)
    for place, column in enumerate(columns):
        if pa.types.is_string(column.type):
            columns[place] = decoded_texts(column, fallback)
    changed = any(new is not old for new, old in zip(columns, batch.columns, strict=True))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema) if changed else batch, changed


def _check_whole(path: Path, description: Description, rows: int) -> None:
    """Refuse a FlatGeobuf with fewer features than its head says, where GDAL sees only its end."""
    if description.driver == "FlatGeobuf" and 0 <= rows < description.features:
        message = f"'{path.name}' breaks off after {rows} of {description.features} features"
        raise BadFile(message, parameter=path.name)


def _batch(batch: pa.RecordBatch, described: Description, first: int) -> Batch:
    geometry = None
    if described.geometry in batch.schema.names:
        column = batch.column(described.geometry)
        geometry, closed = from_wkb(np.asarray(column.to_numpy(zero_copy_only=False), dtype=object))
    lines = np.arange(first, first + batch.num_rows, dtype=np.int64)
    total = described.features
    fraction = min(1.0, (first + batch.num_rows - 1) / total) if total > 0 else None
    own = {described.geometry, described.fid}  # two fields of a Shapefile may have one name: they are chosen by place
    columns = [column for field, column in zip(batch.schema, batch.columns, strict=True) if field.name not in own]
    if described.keyed:
        columns.insert(0, batch.column(described.fid))
    attributes = _as_written(pa.RecordBatch.from_arrays(columns, schema=described.attributes), batch, described)
    made = Batch(attributes, geometry, lines, fraction)
    if geometry is not None:
        unreadable = column.is_valid().to_numpy(zero_copy_only=False) & shapely.is_missing(geometry)
        made.reject(unreadable, "bad_geometry", UNREADABLE)
        made.repaired("unclosed_ring", int(closed.sum()))
    return made


def _as_written(attributes: pa.RecordBatch, batch: pa.RecordBatch, described: Description) -> pa.RecordBatch:
    """Return columns with a date that GDAL changed as text."""
    for name, texts_of in described.written.items():
        numbers = batch.column(described.fid).to_pylist()
        odd = [row for row, number in enumerate(numbers) if number in texts_of]
        place = attributes.schema.get_field_index(name)  # -1 for two fields of one name
        if odd and place >= 0:
            column = texts(attributes.column(name)).to_pylist()
            for row in odd:
                column[row] = texts_of[numbers[row]]
            attributes = attributes.set_column(place, name, pa.array(column, pa.string()))
    return attributes


@contextmanager
def _stream(path: Path, layer: str, encoding: str | None) -> Iterator[pa.RecordBatchReader]:
    request = {"do": "read", "path": str(path), "layer": layer, "encoding": encoding, "batch_size": BATCH_ROWS}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  # our own program, our own arguments
            _command(request), stdout=subprocess.PIPE, stderr=errors, env=_environment(), cwd=_PROJECT
        )
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        finished = False
        try:
            try:
                reader = pa.ipc.open_stream(process.stdout)
            except (pa.ArrowInvalid, OSError) as error:
                raise _failure(path, process.wait(), _text(errors)) from error
            yield reader
            finished = _at_end(process.stdout)
        except (pa.ArrowInvalid, OSError) as error:
            raise _failure(path, process.wait(), _text(errors)) from error
        finally:
            process.stdout.close()
            if not finished:
                process.terminate()
            code = process.wait()
        if finished and code:
            raise _failure(path, code, _text(errors))


def _at_end(pipe: IO[bytes]) -> bool:
    return not pipe.peek(1) if hasattr(pipe, "peek") else True


def _text(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(64_000)


def _failure(path: Path, code: int, stderr: bytes) -> BadFile:
    if code < 0:
        name = signal.Signals(-code).name
        return BadFile(f"'{path.name}' killed the program that read it ({name}); it is damaged", parameter=path.name)
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    try:
        reason = json.loads(lines[-1])["error"].split(": ", 1)[-1]
    except (IndexError, ValueError, KeyError, TypeError):
        reason = "it breaks off or is damaged"
    return BadFile(f"'{path.name}' cannot be read: {reason.replace(str(path), path.name)[:300]}", parameter=path.name)


def _command(request: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "layers.loaders.gdal_reader", json.dumps(request)]


@cache
def _forbidden_drivers() -> str:
    import pyogrio  # noqa: PLC0415  # loads GDAL, which not every command needs

    return ",".join(sorted(set(pyogrio.list_drivers()) - _DRIVERS))


def _environment() -> dict[str, str]:
    """Return the environment that allows GDAL only the drivers of the loaded formats: no network, no other files."""
    ours = {
        "GDAL_SKIP": _forbidden_drivers(),
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        "OGR_GEOJSON_DATE_AS_STRING": "YES",  # else the 30th of February would be the 2nd of March
        "OGR_GEOJSON_MAX_OBJ_SIZE": "64",  # MB of one feature
        "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
        "OGR_GPKG_FOREIGN_KEY_CHECK": "NO",
        "OSM_USE_CUSTOM_INDEXING": "YES",
        "OSM_MAX_TMPFILE_SIZE": "100",  # MB in memory before it is written to disk
        "PYTHONWARNINGS": "ignore",
    }
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | ours
