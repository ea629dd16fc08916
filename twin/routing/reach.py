"""The roads that are reached within a time."""

from __future__ import annotations

import numpy as np

from layers.types import Points, Positions
from twin.join.metres import Lengths
from twin.routing.routes import RouteSearch

STEP_M = 100.0
"""A long edge is told by a point at least every so many metres."""
_OWN_POINTS = 11


def reached_points(search: RouteSearch, limit_s: float) -> Points:
    """Return points on the roads that are reached, `[n, 2]` metres of the measuring plane; at least the place itself.

    They are the reached vertices, and the places at which an edge is left when the time is over.
    """
    topology = search.network.topology
    travel = search.network.travel[search.mode]
    ways = [(topology.start, travel.forward, 0), (topology.end, travel.backward, 1)]
    if search.direction == "inbound":
        ways = [(topology.end, travel.forward, 1), (topology.start, travel.backward, 0)]
    here = _own_edge(search, limit_s)
    found = [here]
    for node, is_open, side in ways:
        left_s = limit_s - search.node_s[node]
        edges = np.flatnonzero((left_s > 0) & is_open & ~search.closed)
        share = np.minimum(left_s[edges] / np.maximum(travel.seconds[edges], 1e-9), 1)
        found.append(_along(search, edges, share, side))
    return np.concatenate(found)


def _own_edge(search: RouteSearch, limit_s: float) -> Points:
    """Return points on the edge on which the place is."""
    edge, at = int(search.source.edge[0]), float(search.source.share[0])
    travel = search.network.travel[search.mode]
    span = limit_s / max(float(travel.seconds[edge]), 1e-9)
    ahead, back = bool(travel.forward[edge]), bool(travel.backward[edge])
    if search.direction == "inbound":
        ahead, back = back, ahead
    share = np.linspace(max(at - span * back, 0), min(at + span * ahead, 1), _OWN_POINTS)
    return _at(search, np.full(_OWN_POINTS, edge), share)


def _along(search: RouteSearch, edges: Positions, share: Lengths, side: int) -> Points:
    """Return points of edges up to a share of each, counted from one side."""
    count = np.maximum(np.ceil(search.network.length_m[edges] * share / STEP_M).astype(np.int64), 1) + 1
    edge = np.repeat(edges, count)
    number = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    part = np.repeat(share, count) * number / np.repeat(count - 1, count)
    return _at(search, edge, 1 - part if side else part)


def _at(search: RouteSearch, edge: Positions, share: Lengths) -> Points:
    """Return points on edges."""
    topology = search.network.topology
    key = topology.total_m[topology.first[edge]] + share * search.network.length_m[edge]
    return np.stack([np.interp(key, topology.total_m, topology.xy_m[:, axis]) for axis in (0, 1)], axis=1)
