"""Houses of an ordinary block: rows of slabs, a few towers, the yards of a campus or the sheds of a works."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.footprints import Footprints
from layers.demo.district.district import District

_PODIUM_M = 80.0  # least width of a block for a shopping centre
_WILD = 0.72  # share of forest grids without any house
SETBACK_M = 11.0  # from the middle of a lane; along wider roads houses that touch them are removed


@dataclass(frozen=True)
class BlockStyle:
    """Sizes and gaps of the houses of a kind of block, in metres."""

    width_m: tuple[float, float]
    depth_m: tuple[float, float]
    gap_m: tuple[float, float]
    row_gap_m: tuple[float, float]
    outlines: dict[str, float]
    faces_south: bool = False
    empty: float = 0.0  # share of lots left free


STYLES = {
    "towers": BlockStyle((34, 52), (30, 44), (16, 28), (18, 30), {"rect": 4, "bevel": 3, "cross": 2, "ell": 1}),
    "estate": BlockStyle((36, 58), (12.5, 15.5), (7, 13), (14, 21), {"comb": 5, "rect": 4}, faces_south=True),
    "slender": BlockStyle((23, 29), (21, 26), (11, 20), (16, 25), {"cross": 6, "bevel": 1}, faces_south=True),
    "campus": BlockStyle((46, 84), (17, 40), (18, 40), (22, 38), {"rect": 4, "ell": 3, "yard": 3}, empty=0.25),
    "works": BlockStyle((42, 80), (26, 42), (9, 16), (12, 18), {"rect": 5, "ell": 1}),
    "park": BlockStyle((12, 20), (9, 14), (60, 120), (60, 120), {"rect": 1}, empty=0.4),
    "forest": BlockStyle((12, 22), (9, 14), (14, 30), (18, 34), {"rect": 3, "ell": 1}, empty=0.2),
    "podium": BlockStyle((60, 110), (44, 70), (16, 24), (18, 26), {"rect": 3, "bevel": 1}),
}


@dataclass
class Block:
    """The buildable core of a grid, turned so that its rows run along x, and its largest number of houses."""

    grid: int
    style: str
    core: shapely.Polygon  # around `centre`, turned back by `axis`
    centre: NDArray[np.float64]
    axis: float  # direction of the rows, radians from east
    quota: int


def make_blocks(
    district: District, land: NDArray[np.str_], taken: NDArray[np.object_], count: int
) -> tuple[list[Block], NDArray[np.object_]]:
    """Find the buildable core of every grid, and divide a number of houses among them.

    Parameters
    ----------
    district, land
        The partition and the use of each grid.
    taken
        Shape (k,), areas not to build on: wide roads, water, villages, with their margins.
    count
        The number of houses.

    Returns
    -------
    tuple
        The blocks, and the cores, shape (grids,), empty where a grid is too small or not built on.
    """
    rng = district.rng("blocks")
    cores = _cores(district.partition.faces, taken)
    cores[~np.isin(land, list(STYLES)) | (shapely.area(cores) < 700)] = shapely.Polygon()
    cores[(land == "forest") & (rng.random(len(land)) < _WILD)] = shapely.Polygon()
    which = np.flatnonzero(~shapely.is_empty(cores))
    style = land[which].copy()
    tall = district.terrain.height_m(district.grid_points[which]) > rng.uniform(24, 60, len(which))
    style[(style == "estate") & tall] = "slender"
    boxes = shapely.get_coordinates(shapely.oriented_envelope(cores[which])).reshape(-1, 5, 2)
    narrow = np.hypot(*np.moveaxis(np.diff(boxes[:, :3], axis=1), -1, 0)).min(axis=1) < _PODIUM_M
    style[(style == "towers") & ~narrow & (rng.random(len(which)) < 0.3)] = "podium"
    lot = np.array([_lot_m2(STYLES[s]) for s in style])
    fill = np.select([style == "forest", style == "park"], [0.03, 0.5], rng.uniform(0.75, 1.1, len(which)))
    room = np.minimum(shapely.area(cores[which]), 120_000) / lot * fill
    quota = np.maximum(np.ceil(room * min(1.0, 1.45 * count / room.sum())), 1)
    blocks = [
        _block(int(g), s, cores[g], b, int(q)) for g, s, b, q in zip(which, style.tolist(), boxes, quota, strict=True)
    ]
    return blocks, cores


def _cores(faces: NDArray[np.object_], taken: NDArray[np.object_]) -> NDArray[np.object_]:
    """Subtract lanes and taken areas from each grid; keep the largest part."""
    cores = shapely.buffer(faces, -SETBACK_M, join_style="mitre", quad_segs=2)
    face, other = shapely.STRtree(taken).query(cores, predicate="intersects")
    for k in np.unique(face).tolist():
        cores[k] = shapely.difference(cores[k], shapely.union_all(taken[other[face == k]]))
    parts, owner = shapely.get_parts(cores, return_index=True)
    order = np.argsort(shapely.area(parts), kind="stable")
    cores[owner[order]] = parts[order]  # the largest comes last
    return cores  # type: ignore[no-any-return]


def _lot_m2(style: BlockStyle) -> float:
    width, depth = sum(style.width_m) / 2 + sum(style.gap_m) / 2, sum(style.depth_m) / 2 + sum(style.row_gap_m) / 2
    return width * depth / (1 - style.empty)


def _block(grid: int, style: str, core: shapely.Polygon, box: NDArray[np.float64], quota: int) -> Block:
    sides = np.diff(box[:3], axis=0)
    lengths = np.hypot(*sides.T)
    k = int(np.argmax(lengths))
    if STYLES[style].faces_south:  # rows run from west to east, whatever the longer side
        k = int(np.argmax(np.abs(sides[:, 0]) / lengths))
    axis = float(np.arctan2(sides[k, 1], sides[k, 0]))
    axis = (axis + np.pi / 2) % np.pi - np.pi / 2
    centre = box[:4].mean(axis=0)
    return Block(
        grid, style, shapely.transform(core, lambda points: _rotate(points - centre, -axis)), centre, axis, quota
    )


def _rotate(points: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])  # type: ignore[no-any-return]


def lay_block(block: Block, rng: np.random.Generator) -> Footprints:
    """Return rows of houses over a block, even in size and gaps, as by one developer."""
    style = STYLES[block.style]
    width, depth = rng.uniform(*style.width_m), rng.uniform(*style.depth_m)
    gap, row_gap = rng.uniform(*style.gap_m), rng.uniform(*style.row_gap_m)
    side = 1.5 * np.sqrt((block.quota + 2) * (width + gap) * (depth + row_gap))
    spots = _spots(block.core, side, (width, depth), (gap, row_gap))
    count = len(spots)
    names, weights = list(style.outlines), np.array(list(style.outlines.values()))
    main = rng.choice(len(names), p=weights / weights.sum())
    other = rng.choice(len(names), count, p=weights / weights.sum())
    return Footprints(
        _rotate(spots, block.axis) + block.centre,
        width * rng.uniform(0.88, 1.0, count),
        depth * rng.uniform(0.92, 1.0, count),
        np.full(count, block.axis),
        np.array(names)[np.where(rng.random(count) < 0.75, main, other)],
    )


def _spots(
    core: shapely.Polygon, side: float, size: tuple[float, float], gap: tuple[float, float]
) -> NDArray[np.float64]:
    """Return centres of houses in rows across the core, each as long as the core at both edges of the row."""
    west, south, east, north = core.bounds
    middle, tip = (south + north) / 2, 0.06 * (north - south)  # at its very tips the core has no width
    south, north = max(south + tip, middle - side / 2), min(north - tip, middle + side / 2)
    y = south + (north - south) / 2 + _places(north - south, size[1], gap[1])
    edges = np.stack([y - size[1] / 2, y + size[1] / 2], axis=1).ravel()
    lines = shapely.linestrings([[(west - 1, e), (east + 1, e)] for e in edges])
    reach = shapely.bounds(shapely.intersection(core, lines)).reshape(-1, 2, 4)
    left, right = np.maximum(reach[:, :, 0].max(axis=1), -side / 2), np.minimum(reach[:, :, 2].min(axis=1), side / 2)
    rows = [
        np.column_stack([(a + b) / 2 + _places(b - a, size[0], gap[0]), np.full(_fit(b - a, size[0], gap[0]), row)])
        for row, a, b in zip(y.tolist(), left.tolist(), right.tolist(), strict=True)
        if b - a >= size[0]  # also false where the row misses the core
    ]
    return np.vstack(rows) if rows else np.empty((0, 2))


def _fit(length: float, size: float, gap: float) -> int:
    return max(int((length + gap) / (size + gap)), 1)


def _places(length: float, size: float, gap: float) -> NDArray[np.float64]:
    """Return centres of as many houses as fit in a row, spread evenly and centred on 0."""
    count = _fit(length, size, gap)
    pitch = size + gap if count == 1 else min((length - size) / (count - 1), (size + gap) * 1.35) * 0.999
    return np.asarray((np.arange(count) - (count - 1) / 2) * pitch, dtype=float)
