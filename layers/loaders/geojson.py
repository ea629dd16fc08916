"""The values of GeoJSON that GDAL changes: the features' ids, and integers of more than 64 bits.

GDAL numbers features anew where an id is an integer, negative, repeated or of another type, and rounds long numbers.
The file is read a second time beside GDAL, feature by feature and in the same order, for these values alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from layers.conversion.number_text import number_text
from layers.errors import BadFile
from layers.loaders.batch import Batch

ID = "id"
PROPERTY_ID = "properties.id"  # the property `id` of a feature whose own id differs
_CONCERNED = re.compile(rb'"id"|\d{19}')
_OVERLAP_BYTES = 18
_WINDOW_CHARACTERS = 1 << 20
_FEATURE_CHARACTERS_MAX = 64 << 20  # as GDAL's OGR_GEOJSON_MAX_OBJ_SIZE
_GEOMETRIES = {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
_SPACE = " \t\r\n\x1e\ufeff"  # RFC 8142 begins each text with a record separator
type _Feature = dict[str, Any]


@dataclass(slots=True)
class Beside:
    """The columns of a file that are read beside GDAL, because GDAL changes them.

    Attributes
    ----------
    ids, both
        Whether a feature has an id, and whether one has another id among its properties.
    long
        Names of the properties with integers of more than 64 bits.
    """

    ids: bool = False
    both: bool = False
    long: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return self.ids or bool(self.long)

    def look(self, feature: _Feature) -> None:
        """Note the values of a feature that GDAL changes."""
        own, among = _ids(feature)
        self.ids |= bool(own or among)
        self.both |= bool(own and among and own != among)
        self.long.update(
            name for name, v in _properties(feature).items() if type(v) is int and not -(2**63) < v < 2**63
        )

    def schema(self, attributes: pa.Schema) -> pa.Schema:
        """Return the attributes with the columns that are read beside GDAL: `id` and long numbers, as text."""
        there = {column.name: column.type for column in attributes}
        made = dict.fromkeys(self.makers(list(there)), pa.string())
        new = {name: kind for name, kind in made.items() if name not in there}
        return pa.schema(new | there | made)

    def makers(self, names: list[str]) -> dict[str, Callable[[_Feature], str | None]]:
        """Return the columns that are read beside GDAL, each with the function of its value in a feature."""
        made: dict[str, Callable[[_Feature], str | None]] = {}
        if self.ids:
            made[ID] = lambda feature: next((i for i in _ids(feature) if i), None)
        if self.both:
            made[PROPERTY_ID] = lambda feature: _ids(feature)[1]
        for name in self.long - made.keys() & set(names):
            made[name] = lambda feature, name=name: _text(_properties(feature).get(name))  # type: ignore[misc]
        return made


def look(path: Path) -> Beside:
    """Return the columns of a file to read beside GDAL: none where no feature has an id or a long number.

    Parameters
    ----------
    path
        GeoJSON or a sequence of it, in UTF-8.

    Raises
    ------
    BadFile
        When it is broken.
    """
    found = Beside()
    if _concerns(path):
        for feature in _features(path):
            found.look(feature)
    return found


def restored(batches: Iterator[Batch], path: Path, beside: Beside) -> Iterator[Batch]:
    """Yield GDAL's batches with the columns that are read beside them.

    A feature's own id precedes its property `id`, which is then another attribute; features without one have null.

    Raises
    ------
    BadFile
        When the features of the file differ from those of GDAL.
    """
    if not beside:
        yield from batches
        return
    features = _features(path)
    for batch in batches:
        own = list(islice(features, len(batch)))
        if len(own) < len(batch):
            raise _unequal(path)
        columns = {name: batch.columns.column(name) for name in batch.columns.schema.names}
        makers = beside.makers(list(columns))
        made = {name: pa.array([make(f) for f in own], pa.string()) for name, make in makers.items()}
        new = {name: column for name, column in made.items() if name not in columns}
        batch.columns = pa.RecordBatch.from_pydict(new | columns | made)
        yield batch
    if next(features, None) is not None:
        raise _unequal(path)


def _unequal(path: Path) -> BadFile:
    message = f"'{path.name}' breaks off, or holds what is no feature: its ids cannot be told"
    return BadFile(message, parameter=path.name)


def _concerns(path: Path) -> bool:
    kept = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if _CONCERNED.search(kept + block):
                return True
            kept = block[-_OVERLAP_BYTES:]
    return False


def _features(path: Path) -> Iterator[_Feature]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from _Reader(file, path.name).features()


def _properties(feature: _Feature) -> dict[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _ids(feature: _Feature) -> tuple[str | None, str | None]:
    """Return a feature's own id and its property `id`, as text."""
    return _text(feature.get(ID)), _text(_properties(feature).get(ID))


def _text(value: Any) -> str | None:
    match value:
        case bool() | None:
            return None
        case str():
            return value or None
        case int():
            return str(value)
        case float():
            return number_text(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


class _Reader:
    """A parser of JSON text that holds one feature in memory at a time."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name
        self._text = ""
        self._at = 0
        self._decoder = json.JSONDecoder(strict=False)

    def features(self) -> Iterator[dict[str, Any]]:
        """Yield the features of a collection, or of a sequence of features and geometries."""
        while self._peek():
            yield from self._top()

    def _top(self) -> Iterator[dict[str, Any]]:
        members: dict[str, Any] = {}
        if self._peek() != "{":
            raise self._broken()
        self._take()
        while (character := self._peek()) != "}":
            if character == ",":
                self._take()
                continue
            name = self._value()
            if self._peek() != ":":
                raise self._broken()
            self._take()
            if name == "features" and self._peek() == "[":
                yield from (f for f in self._list() if isinstance(f, dict) and f.get("type") == "Feature")
            else:
                members[str(name)] = self._value()
        self._take()
        if members.get("type") == "Feature" or members.get("type") in _GEOMETRIES:
            yield members

    def _list(self) -> Iterator[Any]:
        self._take()
        while (character := self._peek()) != "]":
            if character == ",":
                self._take()
            else:
                yield self._value()
        self._take()

    def _value(self) -> Any:
        """Parse one whole value, reading as much of the file as it needs."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not self._more() or isinstance(error, RecursionError):
                    raise self._broken() from error
                continue
            if end == len(self._text):
                if self._more():
                    continue  # a number may continue
                end = len(self._text)
            self._at = end
            return value

    def _peek(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self) -> None:
        self._at += 1

    def _more(self) -> bool:
        """Read more of the file, twice as much each time that a value is not complete."""
        left = self._text[self._at :]
        if len(left) > _FEATURE_CHARACTERS_MAX:
            raise BadFile(f"'{self._name}' has a feature larger than 64 MB", parameter=self._name)
        block = self._file.read(max(_WINDOW_CHARACTERS, len(left)))
        self._text, self._at = left + block, 0
        return bool(block)

    def _broken(self) -> BadFile:
        return BadFile(f"'{self._name}' is broken JSON, or breaks off", parameter=self._name)
