"""The parameters of a join, checked: the two sides as queries of their reader, and how they meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.coordinates.crs import CRS84, Crs, parse_crs_or_datum
from layers.cql2 import queryables_of
from layers.errors import BadInput
from layers.read.query import ItemsQuery
from layers.read.rights import plain_fields, visible_fields
from layers.tiers import TIER_OF_LAYER
from server.http.conditions import condition_of, layer_of
from server.http.parameters import read_choice
from server.settings import LimitSettings
from twin.joins.match import JoinHow, JoinRule
from twin.joins.measure import JoinMeasure, read_measures

WITHIN_M_MAX = 50_000.0
SIDES = ("left", "right")
OF_A_SIDE = ("filter", "filter-lang", "filter-crs", "bbox", "bbox-crs", "datetime", "properties")
"""Parameters of `/items` that each side has, with the side's name and a hyphen before them."""
_HOWS: tuple[JoinHow, ...] = ("within", "intersects", "nearest")


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A checked join.

    Attributes
    ----------
    left, right
        The queries of the sides; their properties are those that the answer shows.
    measures
        What is said of each feature on the right; empty for pairs.
    """

    left: ItemsQuery
    right: ItemsQuery
    rule: JoinRule
    measures: tuple[JoinMeasure, ...]

    @property
    def how(self) -> JoinHow:
        """How the sides meet."""
        return self.rule.how

    @property
    def crs(self) -> Crs:
        """The system of the answer's places."""
        return self.right.crs if self.measures else self.left.crs

    @property
    def measured(self) -> tuple[str, ...]:
        """The fields of the left that are counted up."""
        return tuple(dict.fromkeys(one.field for one in self.measures if one.field is not None))


def read_join(given: Mapping[str, str], catalog: Catalog, actor: Actor, limits: LimitSettings) -> JoinRequest:
    """Check the parameters of a join.

    Raises
    ------
    BadInput
        For anything unknown or malformed.
    NotFound
        For a layer that does not exist, or not for this actor.
    Forbidden
        When the actor may not look back.
    """
    how = next(one for one in _HOWS if one == read_choice(given, "how", _HOWS, "within"))
    left, right = (_side(side, given, catalog, actor, limits) for side in SIDES)
    rule = JoinRule(how, _within_m(given.get("within_m")), how == "within" and right.layer.id in TIER_OF_LAYER)
    measures: tuple[JoinMeasure, ...] = ()
    if "aggregate" in given:
        measures = read_measures(given["aggregate"], _numbers(left))
    crs = parse_crs_or_datum(given["crs"]) if "crs" in given else CRS84
    if not measures:
        return JoinRequest(replace(left, crs=crs), right, rule, measures)
    if "left-properties" in given:
        raise BadInput(
            "left-properties has no meaning beside aggregate: name fields in it", parameter="left-properties"
        )
    request = JoinRequest(left, replace(right, crs=crs), rule, measures)
    return replace(request, left=replace(left, properties=request.measured))


def _side(side: str, given: Mapping[str, str], catalog: Catalog, actor: Actor, limits: LimitSettings) -> ItemsQuery:
    if side not in given:
        raise BadInput(f"name the layer on the {side}: {side}=events", parameter=side)
    layer = catalog.visible(given[side], actor)
    if layer.definition.geometry_type == "None":
        raise BadInput(f"layer '{layer.id}' has no geometries and cannot be joined by place", parameter=side)
    own = {name: given[f"{side}-{name}"] for name in OF_A_SIDE if f"{side}-{name}" in given}
    times = {name: given[name] for name in ("at", "basis") if name in given}
    return ItemsQuery(
        layer_of(layer, actor, times),
        actor,
        where=condition_of(layer, own, queryables_of(layer.definition, actor), limits),
        properties=_properties(layer_of(layer, actor, times), actor, own.get("properties"), side),
    )


def _properties(layer: Layer, actor: Actor, names: str | None, side: str) -> tuple[str, ...]:
    visible = [field.definition.name for field in visible_fields(layer, actor)]
    if names == "*":
        return tuple(visible)
    asked = tuple(dict.fromkeys(name.strip() for name in (names or "").split(",") if name.strip()))
    unknown = [name for name in asked if name not in visible]
    if unknown:
        raise BadInput(
            f"{side}-properties names '{unknown[0][:80]}'; allowed are {', '.join(visible)}, or *",
            parameter=f"{side}-properties",
        )
    return asked


def _numbers(query: ItemsQuery) -> list[str]:
    """Return the fields with numbers that the actor sees in full."""
    plain = plain_fields(query.layer, query.actor)
    return [name for name, one in plain.items() if one.type in {"integer", "number"}]


def _within_m(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        metres = float(text)
    except ValueError:
        metres = 0.0
    if not 0 < metres <= WITHIN_M_MAX:
        raise BadInput(
            f"within_m is '{text[:40]}'; allowed is more than 0 up to {WITHIN_M_MAX:g}", parameter="within_m"
        )
    return metres
