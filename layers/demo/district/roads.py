"""The road network: borders of streets are main roads, of communities side roads, of grids lanes; all connected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.demo.names import lane_names, road_names
from layers.demo.table import DemoTable

WIDTH_M = {"expressway": 46.0, "arterial": 36.0, "sub_arterial": 24.0, "branch": 13.0, "alley": 4.5}
_LANES = {"expressway": 8, "arterial": 6, "sub_arterial": 4, "branch": 2, "alley": 1}
_SPEED_KMH = {"expressway": 80, "arterial": 60, "sub_arterial": 50, "branch": 30, "alley": 15}
_THROUGH_M = 2600.0  # a longer cut between communities is a main road


@dataclass
class Network:
    """Road pieces between junctions, in metres.

    Attributes
    ----------
    lines, road_class, name, bridge
        Shape (m,).
    ends
        Shape (m, 2), the first and last junction of a piece.
    nodes
        Shape (n, 2), the junctions.
    """

    lines: NDArray[np.object_]
    road_class: NDArray[np.str_]
    name: NDArray[np.object_]
    bridge: NDArray[np.bool_]
    ends: NDArray[np.int64]
    nodes: NDArray[np.float64]

    @cached_property
    def width_m(self) -> NDArray[np.float64]:
        """Width from kerb to kerb of each piece."""
        return np.array([WIDTH_M[c] for c in self.road_class.tolist()])

    @cached_property
    def length_m(self) -> NDArray[np.float64]:
        """Length of each piece."""
        return shapely.length(self.lines)  # type: ignore[no-any-return]

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Number of pieces at each junction."""
        return np.bincount(self.ends.ravel(), minlength=len(self.nodes))

    @cached_property
    def _trees(self) -> dict[str, shapely.STRtree]:
        return {c: shapely.STRtree(self.lines[self.road_class == c]) for c in WIDTH_M}

    def wide(self, margin_m: float) -> NDArray[np.object_]:
        """Return surfaces of the roads wider than lanes, one per piece, with a margin on both sides."""
        which = np.isin(self.road_class, ["expressway", "arterial", "sub_arterial"])
        return shapely.buffer(self.lines[which], self.width_m[which] / 2 + margin_m, quad_segs=3)  # type: ignore[no-any-return]

    def touches(self, shapes: NDArray[np.object_], margin_m: float) -> NDArray[np.bool_]:
        """Return which shapes touch a road, or lie nearer to its edge than the margin."""
        near = np.zeros(len(shapes), dtype=bool)
        for road_class, tree in self._trees.items():
            index = tree.query(shapes, predicate="dwithin", distance=WIDTH_M[road_class] / 2 + margin_m)[0]
            near[index] = True
        return near


def make_network(district: District, villages: NDArray[np.object_]) -> Network:
    """Return the roads of a district, made from the edges of its partition.

    Parameters
    ----------
    district
        A district with its partition.
    villages
        Shape (v,), outlines of urban villages, in metres: lanes become alleys there.
    """
    lines, road_class, name = _edges(district, villages)
    lines, road_class, name, bridge = _over_water(district, lines, road_class, name)
    lines, source = _node([*lines, _embankment(district)])
    road_class = np.append(road_class, "arterial")[source]
    name = np.append(name, district.plan.river.embankment_road)[source]
    bridge = np.append(bridge, False)[source]
    kept = _largest_component(lines)
    nodes, ends = _junctions(lines[kept])
    return Network(lines[kept], road_class[kept], name[kept], bridge[kept], ends, nodes)


def _edges(
    district: District, villages: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.str_], NDArray[np.object_]]:
    rng = district.rng("roads")
    partition = district.partition
    middle = shapely.line_interpolate_point(partition.edges, 0.5, normalized=True)
    hill = district.terrain.hill(shapely.get_coordinates(middle))
    wild = np.clip((hill - 0.25) * 1.3, 0, 0.95)
    kept = (partition.edge_level > 0) & ~((partition.edge_level == 3) & (rng.random(len(hill)) < wild))
    level, cut = partition.edge_level[kept], partition.edge_cut[kept]
    road_class = np.array(["", "arterial", "sub_arterial", "branch"], dtype="<U12")[level]
    length = np.bincount(cut, weights=shapely.length(partition.edges[kept]))
    road_class[(level == 2) & (length[cut] > _THROUGH_M)] = "arterial"
    longest = np.argsort(-np.bincount(cut[level == 1], weights=shapely.length(partition.edges[kept][level == 1])))[:3]
    road_class[(level == 1) & np.isin(cut, longest)] = "expressway"
    if len(villages):
        shapely.prepare(villages)
        inside = shapely.STRtree(villages).query(middle[kept], predicate="within")[0]
        road_class[inside[level[inside] == 3]] = "alley"
    return partition.edges[kept], road_class, _named(district, cut, road_class, length)


def _named(
    district: District, cut: NDArray[np.int64], road_class: NDArray[np.str_], length: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Return the name of each cut: the plan's names for the longest main roads, invented names for the rest."""
    rng = district.rng("road names")
    names = np.array(lane_names(rng, len(length)), dtype=object)
    main = np.unique(cut[np.isin(road_class, ["expressway", "arterial", "sub_arterial"])])
    main = main[np.argsort(-length[main], kind="stable")]
    first = list(district.plan.road_names)
    names[main] = (first + road_names(rng, len(main)))[: len(main)]
    return names[cut]


def _over_water(
    district: District, lines: NDArray[np.object_], road_class: NDArray[np.str_], name: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.str_], NDArray[np.object_], NDArray[np.bool_]]:
    """Carry main roads over the river on bridges, and end all others at its bank."""
    river = district.terrain.river
    lakes = [shapely.Point(district.terrain.at(r.at)).buffer(r.radius_m) for r in district.plan.reservoirs]
    wet = shapely.union_all([river, *lakes])
    on_land = shapely.difference(lines, wet)
    over = shapely.intersection(lines, river)
    over[~np.isin(road_class, ["expressway", "arterial"])] = None
    parts, index = shapely.get_parts(np.concatenate([on_land, over]), return_index=True)
    long = shapely.length(parts) > 1
    parts, index = parts[long], index[long]
    source = index % len(lines)
    return parts, road_class[source], name[source], index >= len(lines)


def _embankment(district: District) -> shapely.LineString:
    """Return the road along the river's bank."""
    river = district.plan.river
    band = shapely.simplify(district.terrain.river_axis, 40).buffer(river.width_m + 34, quad_segs=4)
    along = shapely.line_merge(shapely.intersection(band.exterior, district.terrain.polygon.buffer(-20)))
    return max(shapely.get_parts(along), key=lambda part: part.length)


def _node(lines: list[shapely.LineString]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Split lines where they meet; return the pieces, and the line of each."""
    sources = np.array(lines, dtype=object)
    pieces = shapely.get_parts(shapely.union_all(sources, grid_size=0.01))
    pieces = pieces[shapely.length(pieces) > 0.5]
    middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    return pieces, shapely.STRtree(sources).nearest(middle)


def _junctions(lines: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1)])
    nodes, number = np.unique(np.round(ends, 2), axis=0, return_inverse=True)
    return nodes, number.reshape(2, -1).T


def _largest_component(lines: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the pieces of the largest connected component."""
    nodes, ends = _junctions(lines)
    parent = list(range(len(nodes)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for a, b in ends.tolist():
        parent[root(a)] = root(b)
    component = np.array([root(a) for a in ends[:, 0].tolist()])
    return np.flatnonzero(component == np.bincount(component).argmax())


def make_roads(district: District, network: Network) -> DemoTable:
    """Return the table of roads, one row per piece between junctions."""
    count = len(network.lines)
    number = {n: f"{district.code}L{i + 1:05d}" for i, n in enumerate(dict.fromkeys(network.name.tolist()))}
    kind = network.road_class.tolist()
    node = [f"{district.code}N{i:06d}" for i in range(len(network.nodes))]
    rng = district.rng("road table")
    return DemoTable(
        "roads",
        [f"{district.code}R{i:06d}" for i in range(count)],
        network.lines,
        {
            "name": network.name.tolist(),
            "road_code": [number[n] for n in network.name.tolist()],
            "road_class": kind,
            "lanes": [_LANES[c] for c in kind],
            "one_way": (np.isin(network.road_class, ["branch"]) & (rng.random(count) < 0.12)),
            "width_m": network.width_m,
            "speed_limit_kmh": [_SPEED_KMH[c] for c in kind],
            "surface": ["concrete" if c == "alley" else "asphalt" for c in kind],
            "bridge": network.bridge,
            "tunnel": False,
            "level_index": network.bridge.astype(int),
            "from_node": [node[a] for a in network.ends[:, 0]],
            "to_node": [node[b] for b in network.ends[:, 1]],
            "data_grade": 1,
        },
    )
