"""The rules of CoverageJSON (OGC 21-069r2) for the documents that this server writes."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import pairwise

AXES = {
    "Grid": ({"x", "y"}, {"z", "t"}),
    "Point": ({"x", "y"}, {"z", "t"}),
    "PointSeries": ({"x", "y", "t"}, {"z"}),
    "MultiPoint": ({"composite"}, {"t"}),
    "MultiPointSeries": ({"composite", "t"}, set()),
    "Trajectory": ({"composite"}, {"z"}),
}
"""Required and allowed axes of a domain type."""
COORDINATES = {"MultiPoint": {"x", "y"}, "MultiPointSeries": {"x", "y"}, "Trajectory": {"t", "x", "y"}}
SINGLE = {"Point": {"x", "y", "t"}, "PointSeries": {"x", "y"}}


def check(document):
    """Check a coverage or a collection of coverages; return the coverages with the parameters that count for them."""
    if document["type"] == "CoverageCollection":
        assert isinstance(document["coverages"], list)
        found = [(one, document["parameters"] | one.get("parameters", {})) for one in document["coverages"]]
        for one, _ in found:
            assert document.get("domainType") in {None, one["domain"]["domainType"]}
    else:
        found = [(document, document["parameters"])]
    for one, parameters in found:
        _coverage(one, parameters)
    return found


def _coverage(one, parameters):
    assert one["type"] == "Coverage"
    domain = one["domain"]
    kind, axes = domain["domainType"], domain["axes"]
    assert domain["type"] == "Domain"
    required, allowed = AXES[kind]
    assert required <= axes.keys() <= required | allowed
    sizes = {name: _axis(kind, name, axis) for name, axis in axes.items()}
    systems = {name for one in domain["referencing"] for name in one["coordinates"]}
    used = {part for name, axis in axes.items() for part in axis.get("coordinates", [name])}
    assert used <= systems
    assert all(
        {"type", "id"} <= r["system"].keys() or r["system"]["type"] == "TemporalRS" for r in domain["referencing"]
    )
    assert one["ranges"].keys() <= parameters.keys()
    for values in one["ranges"].values():
        _range(values, sizes)
    for name in one["ranges"]:
        _parameter(parameters[name])


def _axis(kind, name, axis):
    values = axis["values"]
    assert values
    if name == "composite":
        assert axis["dataType"] == "tuple"
        assert COORDINATES[kind] == set(axis["coordinates"])
        assert all(len(one) == len(axis["coordinates"]) for one in values)
        times = [one[axis["coordinates"].index("t")] for one in values] if "t" in axis["coordinates"] else []
    else:
        times = values if name == "t" else []
        assert len(values) == 1 or name not in SINGLE.get(kind, ())
        if name in {"x", "y"}:
            assert all(isinstance(value, float | int) and math.isfinite(value) for value in values)
            steps = [after - before for before, after in pairwise(values)]
            assert all(step > 0 for step in steps) or all(step < 0 for step in steps)
    assert all(datetime.fromisoformat(time).tzinfo for time in times)
    assert times == sorted(times)
    return len(values)


def _range(values, sizes):
    assert values["type"] == "NdArray"
    assert values["dataType"] in {"float", "integer", "string"}
    kinds = {"float": float | int, "integer": int, "string": str}[values["dataType"]]
    assert all(value is None or isinstance(value, kinds) for value in values["values"])
    shape, names = values.get("shape", []), values.get("axisNames", [])
    assert len(shape) == len(names) == len(set(names))
    assert shape == [sizes[name] for name in names]
    assert all(size == 1 or name in names for name, size in sizes.items())
    assert len(values["values"]) == math.prod(shape)


def _parameter(parameter):
    assert parameter["type"] == "Parameter"
    label = parameter["observedProperty"]["label"]
    assert isinstance(label, dict)
    assert label
    if "unit" in parameter:
        assert {"label", "symbol"} & parameter["unit"].keys()
