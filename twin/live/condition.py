"""A CQL2 filter over changes: true of a change where the same filter over the layer's items is true of the feature.

A property is read from the change, and from the feature when the change does not have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import shapely
from shapely.errors import ShapelyError

from layers.actor import Actor
from layers.catalog import Layer
from layers.coordinates.crs import CRS84, Crs
from layers.cql2 import FilterLimits, Queryable, parse, queryables_of
from layers.cql2.match import Test, matcher
from layers.definition import FieldType
from layers.errors import BadFilter
from twin.live.budget import checked_units

_GEOMETRIES = frozenset({"geom", "geometry"})
_TYPES: dict[str, FieldType] = {
    "kind": "string",
    "property": "string",
    "value": "number",
    "value_text": "string",
    "unit": "string",
    "quality_flag": "string",
    "speed_kmh": "number",
    "heading_deg": "number",
    "phenomenon_time": "datetime",
}
_OF_CHANGES = {name: Queryable(name, name, kind) for name, kind in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class _OfLayer:
    test: Test
    fields: frozenset[str]  # of the layer's table
    shape: bool  # whether it reads the geometry
    is_point: bool


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """A filter compiled for its layers; two filters of the same text and system are equal.

    Attributes
    ----------
    text
        The filter as CQL2 JSON.
    node
        The same, parsed.
    units
        Its cost for one change (`twin.live.budget`).
    crs
        The system of its places.
    """

    text: bytes
    node: Any = field(compare=False, repr=False)
    _of: Mapping[str, _OfLayer] = field(compare=False, repr=False)
    units: int = field(default=0, compare=False)
    crs: Crs = CRS84

    @classmethod
    def read(
        cls,
        expression: str | dict[str, Any],
        lang: str,
        layers: Sequence[Layer],
        actor: Actor,
        limits: FilterLimits,
        crs: Crs = CRS84,
    ) -> ChangeFilter:
        """Read a filter in CQL2 text or JSON, whose places are in `crs`.

        Raises
        ------
        BadFilter
            When it cannot be parsed, names a property that one of the layers does not have or the actor may not see, or
            costs too much; or when no layer is given to check it with.
        """
        if not layers:
            raise BadFilter("a filter needs layers: their properties are what it can name", parameter="layers")
        node = parse(expression, lang, limits=limits)
        units = checked_units(node)
        made = {layer.id: _of_layer(node, layer, actor, crs) for layer in layers}
        return cls(orjson.dumps(node, default=str, option=orjson.OPT_SORT_KEYS), node, made, units, crs)

    def holds(self, layer_id: str, row: Mapping[str, Any]) -> bool:
        """Return whether the filter is true of a row, which has at least what `fields` and `needs_shape` require."""
        known = self._of.get(layer_id)
        if known is None:
            return False
        if known.shape and "geom" not in row:
            row = {**row, **dict.fromkeys(_GEOMETRIES, point_of(row))}
        try:
            return known.test(row)
        except (ValueError, TypeError, ArithmeticError, ShapelyError):  # a value that is not of its field's type
            return False

    def fields(self, layer_id: str) -> frozenset[str]:
        """Return the fields of a layer that the filter reads."""
        return self._of[layer_id].fields if layer_id in self._of else frozenset()

    def needs_shape(self, layer_id: str) -> bool:
        """Return whether the filter reads a geometry that is no point: no change has one."""
        return layer_id in self._of and self._of[layer_id].shape and not self._of[layer_id].is_point


def _of_layer(node: Any, layer: Layer, actor: Actor, crs: Crs) -> _OfLayer:
    definition = layer.definition
    own = {name: queryable for name, queryable in _OF_CHANGES.items() if name not in definition.by_name}
    test, used = matcher(node, own | queryables_of(definition, actor), crs)
    fields = frozenset(name for name in used if name in definition.by_name)
    return _OfLayer(test, fields, bool(used & _GEOMETRIES), definition.geometry_type == "Point")


def point_of(row: Mapping[str, Any]) -> shapely.Point | None:
    """Return the point of a row's place; None when it has none."""
    lon, lat = row.get("lon"), row.get("lat")
    return None if lon is None or lat is None else shapely.Point(lon, lat)
