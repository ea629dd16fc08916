"""The partition of a district into streets, communities and grids, whose cuts become the roads.

The plan is cut recursively: first so that every street gets its anchor, then every street into communities and
every community into grids of about equal population. Each cut splits one area in two; the tree of cuts gives the names
and the classes of the roads. All lines are noded once, so that neighbours share vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.terrain import Terrain
from layers.demo.randomness import generator, shares
from layers.types import Points

_GRID_M = 0.01  # cuts snap to a centimetre
_NODE_M = 0.2  # nodes snap more coarsely, so that borders rounded differently by two neighbours become one line
_FAR_M = 1e5
_TILT_DEG = {"street": 0.0, "community": 5.0, "grid": 3.0}
_ANCHOR_ANGLES_DEG = (0, 90, 12, -12, 78, 102, 28, -28, 62, 118)
_STEP_M = 60.0  # between the vertices of a bent road


@dataclass
class Leaf:
    """A piece of the plan during the cutting, at the end a grid."""

    area: shapely.Polygon
    path: tuple[int, ...]  # the side of each cut: the id of the cut, negative for its far side
    street: int
    community: int = 0


@dataclass
class Partition:
    """The finished partition, on the ground, in metres.

    Attributes
    ----------
    faces
        Shape (n,), the grids.
    street, community
        Shape (n,), the street of the plan and the community in it that a grid belongs to.
    edges
        Shape (m,), lines between junctions; a border between two grids is one or several of them.
    edge_level
        Shape (m,), 1 between streets, 2 between communities, 3 between grids, 0 on the outline.
    edge_cut
        Shape (m,), the cut of an edge, -1 on the outline.
    """

    faces: NDArray[np.object_]
    street: NDArray[np.int64]
    community: NDArray[np.int64]
    edges: NDArray[np.object_]
    edge_level: NDArray[np.int64]
    edge_cut: NDArray[np.int64]


def make_partition(terrain: Terrain, community_count: int, grid_count: int, seed: int) -> Partition:
    """Cut a district.

    Parameters
    ----------
    terrain
        Outline, anchors and density.
    community_count, grid_count
        Numbers of communities and grids; raised to one community per street and one grid per community.
    seed
        The seed of the cuts.
    """
    cutter = _Cutter(terrain, seed)
    leaves = []
    streets = cutter.streets()
    residents = np.array([float(s.residents) for s in terrain.plan.streets])
    communities = shares(residents**0.8, community_count, least=1)
    quarters = [
        Leaf(leaf.area, leaf.path, leaf.street, number)
        for leaf in streets
        for number, leaf in enumerate(cutter.divide(leaf, int(communities[leaf.street]), "community"))
    ]
    weight = np.array([cutter.weight(q.area) for q in quarters])
    for quarter, count in zip(quarters, shares(weight**0.85, grid_count, least=1), strict=True):
        leaves += cutter.divide(quarter, int(count), "grid")
    return _node(terrain, leaves)


class _Cutter:
    def __init__(self, terrain: Terrain, seed: int) -> None:
        self.terrain = terrain
        self.rng = generator(seed, "partition")
        self.cuts = 0
        ring = terrain.warp.to_plan(np.array(terrain.polygon.exterior.coords))
        self.outline = shapely.set_precision(shapely.Polygon(ring), _GRID_M)
        west, south, east, north = self.outline.bounds
        step = np.sqrt((east - west) * (north - south) / 90_000)
        u, v = np.meshgrid(np.arange(west, east, step), np.arange(south, north, step))
        jitter = self.rng.uniform(-0.4, 0.4, (u.size, 2)) * step
        samples = np.column_stack([u.ravel(), v.ravel()]) + jitter
        self.samples = samples[shapely.contains_xy(self.outline, samples)]
        density = terrain.density(terrain.warp.to_ground(self.samples))
        self.mass = (
            density + 0.12 * density.mean()
        )  # the last term keeps grids of the forest from growing without bound
        shapely.prepare(self.outline)

    def streets(self) -> list[Leaf]:
        anchors = self.terrain.warp.to_plan(np.array([self.terrain.at(s.at) for s in self.terrain.plan.streets]))
        return self._around(self.outline, (), anchors, np.arange(len(anchors)))

    def _around(self, area: Any, path: tuple[int, ...], anchors: Points, which: NDArray[np.int64]) -> list[Leaf]:
        """Cut until every piece holds one anchor, each time through the widest and most even gap."""
        if len(which) == 1:
            return [Leaf(area, path, int(which[0]))]
        best = (-np.inf, 0.0, 0.0)
        for angle in _ANCHOR_ANGLES_DEG:
            along = np.sort(anchors[which] @ _normal(angle))
            gap, place = np.diff(along), np.arange(1, len(along)) / len(along)
            score = gap * (1 - 1.2 * np.abs(place - 0.5)) * (0.8 if angle % 90 else 1.0)
            k = int(np.argmax(score))
            best = max(best, (float(score[k]), float(angle), float(along[k] + along[k + 1]) / 2))
        _, turn, offset = best
        near, far, cut = self._cut(area, turn, offset)
        side = anchors[which] @ _normal(turn) < offset
        return [
            *self._around(near, (*path, cut), anchors, which[side]),
            *self._around(far, (*path, -cut), anchors, which[~side]),
        ]

    def divide(self, leaf: Leaf, count: int, kind: str) -> list[Leaf]:
        """Cut an area into `count` pieces of about equal weight, each time across its longer side."""
        inside = self._inside(leaf.area)
        return self._divide(leaf, count, kind, self.samples[inside], self.mass[inside])

    def weight(self, area: shapely.Polygon) -> float:
        return float(self.mass[self._inside(area)].sum()) + 1e-6

    def _inside(self, area: shapely.Polygon) -> NDArray[np.int64]:
        west, south, east, north = area.bounds
        u, v = self.samples.T
        near = np.flatnonzero((u >= west) & (u <= east) & (v >= south) & (v <= north))
        shapely.prepare(area)
        return near[shapely.contains_xy(area, self.samples[near])]  # type: ignore[no-any-return]

    def _divide(self, leaf: Leaf, count: int, kind: str, samples: Points, mass: NDArray[np.float64]) -> list[Leaf]:
        if count <= 1:
            return [leaf]
        angle = self._across(leaf.area) + float(self.rng.normal(0, 1)) * _TILT_DEG[kind]
        share = (count // 2 if self.rng.random() < 0.5 else count - count // 2) / count
        along = samples @ _normal(angle)
        corners = shapely.get_coordinates(leaf.area) @ _normal(angle)
        even = offset = float(corners.min() + share * np.ptp(corners))
        if len(along) >= 4:
            order = np.argsort(along, kind="stable")
            reached = np.cumsum(mass[order])
            offset = 0.75 * float(along[order[np.searchsorted(reached, share * reached[-1])]]) + 0.25 * offset
        near, far, cut = self._cut(leaf.area, angle, offset)
        if near.is_empty or far.is_empty:  # a sliver whose weight lies at its end
            offset = even
            near, far, cut = self._cut(leaf.area, angle, offset)
        if near.is_empty or far.is_empty:  # too thin to be cut at all
            return [leaf]
        side = along < offset
        first = round(share * count)
        return [
            *self._divide(
                Leaf(near, (*leaf.path, cut), leaf.street, leaf.community), first, kind, samples[side], mass[side]
            ),
            *self._divide(
                Leaf(far, (*leaf.path, -cut), leaf.street, leaf.community),
                count - first,
                kind,
                samples[~side],
                mass[~side],
            ),
        ]

    def _across(self, area: shapely.Polygon) -> float:
        west, south, east, north = area.bounds
        return 0.0 if (east - west) > (north - south) * float(self.rng.uniform(0.85, 1.18)) else 90.0

    def _cut(self, area: shapely.Polygon, angle_deg: float, offset: float) -> tuple[Any, Any, int]:
        """Split in two connected parts; further parts that a cut through a concave area leaves join a neighbour."""
        normal = _normal(angle_deg)
        along = np.array([-normal[1], normal[0]])
        base = normal * offset
        half = shapely.Polygon(
            [
                base - along * _FAR_M,
                base + along * _FAR_M,
                base + (along - normal) * _FAR_M,
                base - (along + normal) * _FAR_M,
            ]
        )
        near = _largest(shapely.intersection(area, half, grid_size=_GRID_M))
        far = _largest(shapely.difference(area, near, grid_size=_GRID_M))
        near = _largest(shapely.difference(area, far, grid_size=_GRID_M))
        self.cuts += 1
        return near, far, self.cuts


def _normal(angle_deg: float) -> NDArray[np.float64]:
    angle = np.radians(angle_deg)
    return np.array([np.cos(angle), np.sin(angle)])


def _largest(geometry: Any) -> Any:
    if geometry.geom_type == "Polygon":
        return geometry
    return max(shapely.get_parts(geometry), key=lambda part: part.area)


def _node(terrain: Terrain, leaves: list[Leaf]) -> Partition:
    """Node all borders once, merge slivers into their neighbours, bend the lines, and find the faces again."""
    lines = shapely.union_all(shapely.boundary([leaf.area for leaf in leaves]), grid_size=_NODE_M)
    pieces = shapely.get_parts(shapely.line_merge(lines))
    faces = shapely.get_parts(shapely.polygonize(pieces))
    sides = _sides(pieces, faces)
    owner = _owners(faces, leaves, sides, shapely.length(pieces))
    kept = pieces[owner[sides[:, 0]] != owner[sides[:, 1]]]
    straight = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(kept)))
    edges = shapely.transform(shapely.segmentize(straight, _STEP_M), terrain.warp.to_ground)
    bent = shapely.get_parts(shapely.polygonize(edges))
    leaf = np.append(_owner_by_point(shapely.transform(_inner(bent), terrain.warp.to_plan), leaves), -1)
    level, cut = _levels(leaves, leaf[_sides(edges, bent)])
    return Partition(
        faces=bent,
        street=np.array([leaves[i].street for i in leaf[:-1]]),
        community=np.array([leaves[i].community for i in leaf[:-1]]),
        edges=edges,
        edge_level=level,
        edge_cut=cut,
    )


def _inner(faces: NDArray[np.object_]) -> NDArray[np.object_]:
    return shapely.point_on_surface(faces)  # type: ignore[no-any-return]


def _owner_by_point(points: NDArray[np.object_], leaves: list[Leaf]) -> NDArray[np.int64]:
    return shapely.STRtree([leaf.area for leaf in leaves]).nearest(points)  # type: ignore[no-any-return]


def _owners(
    faces: NDArray[np.object_], leaves: list[Leaf], sides: NDArray[np.int64], lengths: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the leaf of each face, and -1 for the outside at the end; a leaf's smaller faces go to a neighbour."""
    owner = np.append(_owner_by_point(_inner(faces), leaves), -1)
    area = shapely.area(faces)
    largest = np.zeros(len(leaves))
    np.maximum.at(largest, owner[:-1], area)
    for sliver in np.flatnonzero(area < largest[owner[:-1]]).tolist():
        owner[sliver] = -2
    for _ in range(4):  # a sliver may have slivers beside it
        for sliver in np.flatnonzero(owner == -2).tolist():
            beside = np.flatnonzero((sides == sliver).any(axis=1))
            across = np.where(sides[beside, 0] == sliver, sides[beside, 1], sides[beside, 0])
            known = owner[across] >= 0
            if known.any():
                owner[sliver] = owner[across[known][np.argmax(lengths[beside[known]])]]
    return owner


def _sides(edges: NDArray[np.object_], faces: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the faces on both sides of each edge, shape (m, 2), by a shared segment; -1 for the outside."""
    holders: dict[tuple[float, ...], list[int]] = {}
    points, face = shapely.get_coordinates(faces, return_index=True)
    for k, (a, b) in enumerate(zip(points[:-1].tolist(), points[1:].tolist(), strict=True)):
        if face[k] == face[k + 1]:
            holders.setdefault((*a, *b) if a < b else (*b, *a), []).append(int(face[k]))
    found = np.full((len(edges), 2), -1)
    points, edge = shapely.get_coordinates(edges, return_index=True)
    first = np.searchsorted(edge, np.arange(len(edges)))
    for k, (a, b) in enumerate(zip(points[first].tolist(), points[first + 1].tolist(), strict=True)):
        beside = holders.get((*a, *b) if a < b else (*b, *a), [])[:2]
        found[k, : len(beside)] = beside
    return found


def _levels(leaves: list[Leaf], sides: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the level and the cut of each edge; its cut is the first that separates its two leaves."""
    level, cut = np.zeros(len(sides), dtype=np.int64), np.full(len(sides), -1)
    for k, (i, j) in enumerate(sides.tolist()):
        if i < 0 or j < 0:
            continue
        a, b = leaves[i], leaves[j]
        level[k] = 1 if a.street != b.street else 2 if a.community != b.community else 3
        cut[k] = next((abs(p) for p, q in zip(a.path, b.path, strict=False) if p != q), -1)
    return level, cut
