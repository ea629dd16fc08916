"""The nearest resources by the time on the road: who comes first, or what one reaches first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import numpy as np

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause
from layers.errors import BadInput
from layers.read.rights import plain_fields
from layers.types import Json, Points
from twin.join.metres import Lengths
from twin.routing.modes import fastest_ms
from twin.routing.snapping import SNAP_M, SnappedPoints
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.places import FeaturePlaces, read_places
from twin.surroundings.spot import Spot
from twin.surroundings.travel import TravelSearch, line_of, rounded

RESOURCES_MAX = 50
CANDIDATES_MAX = 2_000
_BOTH_SNAPS_M = 2 * SNAP_M
_REACHED, _BESIDE, _CUT_OFF = 0, 1, 2


def of_types(layer: Layer, catalog: Catalog, actor: Actor, types: Sequence[str]) -> Clause:
    """Return the condition that a feature is of one of some types, by the field that tells kinds apart on the map.

    Raises
    ------
    BadInput
        When the layer has no such field that the actor sees, or it has no such code.
    """
    name = layer.definition.map.icon_by
    seen = plain_fields(layer, actor)
    if name is None or name not in seen:
        raise BadInput(f"'{layer.id}' has no types; ask without types", parameter="types")
    codes = catalog.code_lists.get(seen[name].definition.codes or "")
    allowed = [code.code for code in codes.codes] if codes is not None else None
    for one in types:
        if allowed is not None and one not in allowed:
            raise BadInput(f"types names '{one[:40]}'; allowed are {', '.join(allowed)}", parameter="types")
    return Clause(f"{seen[name].expression} = ANY (?0::text[])", (list(types),))


async def nearest_resources(
    connection: asyncpg.Connection,
    actor: Actor,
    spot: Spot,
    layers: Sequence[tuple[Layer, Clause | None]],
    travel: TravelSearch,
    number: int,
) -> ComputedFeatures:
    """Return the candidates that are nearest by road time.

    Each has both distances, the time, whether it is `reachable`, `snapped_m`, a `fallback` and the `route`. First come
    those that a road reaches, by time; then those beside the network, by the straight line; last those that no way
    reaches. Equal ones are in the order of their straight lines, then of their ids.

    Parameters
    ----------
    layers
        Layers as of the moment of the question, each with a condition on its features.
    """
    limit = max(CANDIDATES_MAX // max(len(layers), 1), number)
    found = [await read_places(connection, layer, actor, spot, limit=limit, where=where) for layer, where in layers]
    return await asyncio.to_thread(rank, found, travel, number)  # searching the network takes the processor


def rank(found: Sequence[FeaturePlaces], travel: TravelSearch, number: int) -> ComputedFeatures:
    """Return the nearest of some candidates."""
    layer_ids = [places.layer.id for places in found for _ in places.ids]
    ids = [one for places in found for one in places.ids]
    straight_m = np.array([one for places in found for one in places.distance_m], dtype=np.float64)
    lonlat: Points = np.concatenate([np.zeros((0, 2)), *(places.lonlat for places in found)])
    ends = travel.snap(lonlat)
    seconds = np.full(len(ids), np.inf)
    group = np.full(len(ids), _BESIDE)
    if travel.search is not None and ends is not None and ids:
        seconds = np.round(travel.search.seconds(ends), 1)
        group = np.where(ends.edge < 0, _BESIDE, np.where(np.isfinite(seconds), _REACHED, _CUT_OFF))
    order = sorted(range(len(ids)), key=lambda n: (group[n], seconds[n], straight_m[n], ids[n], layer_ids[n]))[:number]
    properties = tuple(_properties(travel, ends, n, int(group[n]), straight_m) for n in order)
    return ComputedFeatures(
        tuple(layer_ids[n] for n in order),
        tuple(ids[n] for n in order),
        properties,
        _is_whole(
            found,
            order,
            number,
            seconds,
            straight_m,
            is_by_road=travel.search is not None,
            speed_ms=fastest_ms(travel.how.mode),
        ),
    )


def _properties(travel: TravelSearch, ends: SnappedPoints | None, n: int, group: int, straight_m: Lengths) -> Json:
    route = (
        travel.search.route(ends, n) if travel.search is not None and ends is not None and group == _REACHED else None
    )
    return {
        "distance_m": float(straight_m[n]),
        "reachable": {_REACHED: True, _CUT_OFF: False}.get(group),
        "duration_s": rounded(route.duration_s, 1) if route else None,
        "road_distance_m": rounded(route.distance_m, 1) if route else None,
        "snapped_m": rounded(float(ends.snapped_m[n]), 3) if ends is not None else None,
        "fallback": "straight_line" if group == _BESIDE else None,
        "route": line_of(route) if route else None,
    }


def _is_whole(
    found: Sequence[FeaturePlaces],
    order: Sequence[int],
    number: int,
    seconds: Lengths,
    straight_m: Lengths,
    *,
    is_by_road: bool,
    speed_ms: float,
) -> bool:
    """Whether those left out for their distance come later than the last of the answer, at the highest speed."""
    cut_m = min((places.distance_m[-1] for places in found if not places.is_whole), default=None)
    if cut_m is None:
        return True
    if len(order) < number:
        return False
    last = order[-1]
    if not is_by_road:
        return bool(straight_m[last] <= cut_m)
    return bool(seconds[last] <= (cut_m - _BOTH_SNAPS_M) / speed_ms)
