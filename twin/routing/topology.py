"""Where roads meet: lines are cut at the vertices that they share, and the cuts are the nodes of the graph.

Lines meet at ends and at common vertices. Lines of different levels (bridges, tunnels) that only cross do not meet,
also where they have a vertex in common; but every end comes down to the road on the ground that it ends at. Lines that
cross without a common vertex never meet: the data would say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from layers.types import Mask, Points, Positions
from twin.join.metres import Lengths, MetrePoints
from twin.routing.roads import RoadRows

JOIN_M = 0.1
"""Vertices nearer than this are one: a coordinate of six decimals is known to 5 cm."""
_NAMED_M = 50.0  # ends of one named node further apart are a mistake in the data


@dataclass(frozen=True, slots=True)
class Topology:
    """Lines cut into edges.

    Attributes
    ----------
    lonlat, xy_m
        `[v, 2]` vertices of all lines, line after line, in CGCS2000 degrees and in the measuring plane.
    along_m
        `[v]` metres on the ground from the first vertex of the line.
    total_m
        `[v]` the same, each line after those before it and a metre apart: a number for each place on any line.
    line
        `[e]` the line of each edge.
    first, last
        `[e]` the vertices at which an edge begins and ends.
    start, end
        `[e]` its nodes.
    node_count
        Number of nodes.
    """

    lonlat: Points
    xy_m: Points
    along_m: Lengths
    total_m: Lengths
    line: Positions
    first: Positions
    last: Positions
    start: Positions
    end: Positions
    node_count: int


def cut_roads(roads: RoadRows) -> Topology:
    """Return the edges between the nodes of some roads."""
    lonlat, line = shapely.get_coordinates(roads.lines, return_index=True)
    metres = MetrePoints.of(lonlat)
    along_m = _along(metres, line)
    changes = np.flatnonzero(np.diff(line))
    first_of, last_of = np.append(0, changes + 1)[: len(roads)], np.append(changes, len(line) - 1)[: len(roads)]
    is_end = np.zeros(len(line), dtype=np.bool_)
    is_end[first_of] = is_end[last_of] = True
    names = np.full(len(line), None, dtype=object)
    names[first_of], names[last_of] = roads.from_node, roads.to_node
    pairs = _touching(metres.xy_m, along_m, line, is_end, roads.level[line], names)
    pairs = np.concatenate([pairs, _same_name(names, metres.xy_m)])
    from scipy.sparse import coo_array  # noqa: PLC0415  # half a second that only the making of a network needs
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415  # as above

    joined = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(line), len(line)))
    _, label = connected_components(joined, directed=False)
    cut = np.flatnonzero(is_end | (np.bincount(label, minlength=1)[label] > 1))
    labels, node = np.unique(label[cut], return_inverse=True)
    same_line = line[cut[:-1]] == line[cut[1:]]
    length_m = np.diff(along_m[cut])
    kept = np.flatnonzero(same_line & ((node[:-1] != node[1:]) | (length_m > JOIN_M)))
    return Topology(
        lonlat,
        metres.xy_m,
        along_m,
        along_m + np.append(0, np.cumsum(along_m[last_of] + 1))[:-1][line] if len(line) else along_m,
        line[cut[kept]],
        cut[kept],
        cut[kept + 1],
        node[kept],
        node[kept + 1],
        len(labels),
    )


def _along(metres: MetrePoints, line: Positions) -> Lengths:
    """Return the metres on the ground from the first vertex of its line to each vertex."""
    step = np.hypot(*np.diff(metres.xy_m, axis=0).T) / ((metres.scale[:-1] + metres.scale[1:]) / 2)
    within = line[:-1] == line[1:]
    total = np.append(0, np.cumsum(np.where(within, step, 0)))
    first = np.append(0, np.flatnonzero(~within) + 1)
    return total - total[first][line] if len(line) else np.zeros(0)


def _touching(
    xy_m: Points, along_m: Lengths, line: Positions, is_end: Mask, level: Positions, names: Positions
) -> Positions:
    """Return the pairs of vertices at one place at which their lines meet, `[k, 2]`."""
    if not len(xy_m):
        return np.zeros((0, 2), dtype=np.int64)
    from scipy.spatial import cKDTree  # noqa: PLC0415  # only the making of a network needs it

    one, other = cKDTree(xy_m).query_pairs(JOIN_M, output_type="ndarray").T
    same_level = level[one] == level[other]
    both_ends = is_end[one] & is_end[other]
    one_named, other_named = names[one] != np.array(None), names[other] != np.array(None)
    told_apart = both_ends & one_named & other_named & (names[one] != names[other])
    through = np.where(is_end[one], other, one)  # where one of them is an end: the vertex of the line that passes
    comes_down = (is_end[one] ^ is_end[other]) & (level[through] == 0)
    itself = (line[one] == line[other]) & (np.abs(along_m[one] - along_m[other]) < 10 * JOIN_M)
    meets = (same_level | both_ends | comes_down) & ~told_apart & ~itself
    return np.stack([one[meets], other[meets]], axis=1).astype(np.int64)


def _same_name(names: Positions, xy_m: Points) -> Positions:
    """Return pairs that join all ends of a named node with its first one, `[k, 2]`."""
    named = np.flatnonzero(names != np.array(None))
    _, first, inverse = np.unique(names[named].astype(str), return_index=True, return_inverse=True)
    pairs = np.stack([named, named[first][inverse]], axis=1) if len(named) else np.zeros((0, 2), dtype=np.int64)
    near = np.hypot(*(xy_m[pairs[:, 0]] - xy_m[pairs[:, 1]]).T) <= _NAMED_M
    kept: Positions = pairs[near]
    return kept
