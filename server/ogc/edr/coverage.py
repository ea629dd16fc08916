"""Values over a domain, and the same as CoverageJSON, GeoJSON and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from itertools import product
from typing import Any, Literal

from layers.coordinates.crs import Crs
from layers.coordinates.datum import Datum
from layers.spreadsheet import cell
from layers.types import Json
from tiles.raster.members import rfc3339

DomainType = Literal["Point", "PointSeries", "Grid", "Trajectory", "MultiPoint", "MultiPointSeries"]
_UCUM = "http://www.opengis.net/def/uom/UCUM/"


@dataclass(frozen=True, slots=True)
class EdrParameter:
    """What is measured: its name in requests, its titles, its unit in UCUM if known, and whether it is a number."""

    name: str
    title_zh: str
    title_en: str
    unit: str | None = None
    is_number: bool = True

    def described(self, data_type: bool = False) -> Json:
        """Return the description, as CoverageJSON has it; with the type of the values, as collections have it."""
        label = {"zh": self.title_zh, "en": self.title_en}
        found: Json = {"type": "Parameter", "description": label, "observedProperty": {"id": self.name, "label": label}}
        if self.unit:
            found["unit"] = {"label": {"en": self.unit}, "symbol": {"value": self.unit, "type": _UCUM}}
        if data_type:
            found["data-type"] = "float" if self.is_number else "string"
            found |= {"description": f"{self.title_zh} {self.title_en}"}
            found["observedProperty"] = {"id": self.name, "label": f"{self.title_zh} {self.title_en}"}
            if self.unit:
                found["unit"] = {"label": self.unit, "symbol": {"value": self.unit, "type": _UCUM}}
        return found


@dataclass(frozen=True, slots=True)
class Coverage:
    """Values of parameters over a domain.

    Attributes
    ----------
    x, y
        Coordinates in the system of the answer: of a grid its columns and rows, of a line those of each place.
    times
        Empty where the values are of no time.
    values
        Of each parameter, in the order of times, then rows, then columns; None where there is none.
    """

    kind: DomainType
    x: Sequence[float]
    y: Sequence[float]
    times: Sequence[datetime]
    values: Mapping[str, Sequence[float | str | None]]
    id: str | None = None
    name: str | None = None

    @property
    def is_line(self) -> bool:
        """Whether places are given one by one."""
        return self.kind in {"Trajectory", "MultiPoint", "MultiPointSeries"}

    def places(self) -> Iterator[tuple[datetime | None, float, float]]:
        """Yield time, x and y of every value, in their order."""
        times: Sequence[datetime | None] = self.times or [None]
        if self.is_line:
            yield from ((time, x, y) for time in times for x, y in zip(self.x, self.y, strict=True))
        else:
            yield from ((time, x, y) for time, y, x in product(times, self.y, self.x))


def coverage_json(coverages: Sequence[Coverage], parameters: Sequence[EdrParameter], crs: Crs) -> Json:
    """Return coverages as one CoverageJSON document: a coverage, or a collection of several or none."""
    described = {one.name: one.described() for one in parameters}
    if len(coverages) == 1:
        return _coverage(coverages[0], crs) | {"parameters": _of(described, coverages)}
    kinds = {one.kind for one in coverages}
    found: Json = {
        "type": "CoverageCollection",
        "parameters": _of(described, coverages),
        "referencing": _systems(crs, coverages),
    }
    if len(kinds) == 1:
        found["domainType"] = kinds.pop()
    return found | {"coverages": [_coverage(one, crs) for one in coverages]}


def _of(described: Mapping[str, Json], coverages: Iterable[Coverage]) -> Json:
    used = {name for one in coverages for name in one.values}
    return {name: text for name, text in described.items() if name in used}


def _systems(crs: Crs, coverages: Iterable[Coverage]) -> list[Json]:
    """Return the systems of the axes; the id of a shifted datum is an address that says what it is."""
    kind = "GeographicCRS" if crs.unit == "degree" else "ProjectedCRS"
    systems: list[Json] = [{"coordinates": ["x", "y"], "system": {"type": kind, "id": crs.uri}}]
    if any(one.times for one in coverages):
        systems.append({"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}})
    return systems


def _coverage(one: Coverage, crs: Crs) -> Json:
    moments = [rfc3339(time) for time in one.times]
    if one.kind == "MultiPointSeries":
        places = [[x, y] for x, y in zip(one.x, one.y, strict=True)]
        axes: Json = {"composite": {"dataType": "tuple", "coordinates": ["x", "y"], "values": places}}
        axes["t"] = {"values": moments}
        shape, over = [len(moments), len(places)], ["t", "composite"]
    elif one.is_line:
        timed = [*moments[:1]]
        tuples = [[*timed, x, y] for x, y in zip(one.x, one.y, strict=True)]
        names = [*("t" for _ in timed), "x", "y"]
        axes = {"composite": {"dataType": "tuple", "coordinates": names, "values": tuples}}
        shape, over = [len(tuples)], ["composite"]
    else:
        axes = {"x": {"values": list(one.x)}, "y": {"values": list(one.y)}}
        axes |= {"t": {"values": moments}} if moments else {}
        over = {"Point": [], "PointSeries": ["t"]}.get(one.kind, [*(["t"] if moments else []), "y", "x"])
        shape = [len(axes[name]["values"]) for name in over]
    domain = {"type": "Domain", "domainType": one.kind, "axes": axes, "referencing": _systems(crs, [one])}
    ranges = {name: _range(values, shape, over) for name, values in one.values.items()}
    named = {"id": one.id} if one.id is not None else {}
    return {"type": "Coverage", **named, "domain": domain, "ranges": ranges}


def _range(values: Sequence[float | str | None], shape: Sequence[int], over: Sequence[str]) -> Json:
    kind = "string" if any(isinstance(value, str) for value in values) else "float"
    axes = {"axisNames": list(over), "shape": list(shape)} if over else {}
    return {"type": "NdArray", "dataType": kind, **axes, "values": list(values)}


def geojson(coverages: Sequence[Coverage], parameters: Sequence[EdrParameter], crs: Crs) -> Json:
    """Return coverages as GeoJSON: a feature for each time and place that has a value."""
    features = []
    declared: Json = {} if crs.datum is None else {"datum": crs.datum}
    for one in coverages:
        for number, (time, x, y) in enumerate(one.places()):
            values = {name: found[number] for name, found in one.values.items()}
            if all(value is None for value in values.values()):
                continue
            told: Json = {"datetime": rfc3339(time)} if time else {}
            told |= {"location": one.id, "label": one.name} if one.id is not None else {}
            features.append({
                "type": "Feature",
                **declared,
                "geometry": {"type": "Point", "coordinates": [x, y]},
                "properties": {**told, **values},
            })  # fmt: skip
    described = {one.name: one.described(data_type=True) for one in parameters}
    return {
        "type": "FeatureCollection",
        **declared,
        "features": features,
        "parameters": list(described.values()),
        "numberReturned": len(features),
        "crs": {"type": "name", "properties": {"name": crs.uri}},
    }


def csv_text(coverages: Sequence[Coverage], parameters: Sequence[EdrParameter], datum: Datum | None = None) -> str:
    """Return coverages as CSV: a row for each time and place that has a value; missing values are empty.

    Parameters
    ----------
    datum
        The shifted datum of the places, for a column of its own; None has none.
    """
    declared = [] if datum is None else [datum]
    names = [one.name for one in parameters if any(one.name in coverage.values for coverage in coverages)]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["location", "datetime", "x", "y", *(cell(name) for name in names), *("datum" for _ in declared)])
    for one in coverages:
        for number, (time, x, y) in enumerate(one.places()):
            values: list[Any] = [one.values[name][number] if name in one.values else None for name in names]
            if any(value is not None for value in values):
                told = [one.id, rfc3339(time) if time else None, x, y, *values, *declared]
                writer.writerow([cell(value) for value in told])
    return text.getvalue()
