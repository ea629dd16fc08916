"""Footprints of houses: a few outlines, scaled, rotated and placed in bulk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.types import Points

# Corners in a square from -0.5 to 0.5, counter-clockwise.
_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "rect": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    "ell": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (0.12, 0.5), (0.12, -0.05), (-0.5, -0.05)],
    "yard": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (0.22, 0.5), (0.22, -0.1), (-0.22, -0.1), (-0.22, 0.5),
             (-0.5, 0.5)],
    "comb": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (0.3, 0.5), (0.3, 0.2), (0.1, 0.2), (0.1, 0.5), (-0.1, 0.5),
             (-0.1, 0.2), (-0.3, 0.2), (-0.3, 0.5), (-0.5, 0.5)],
    "cross": [(-0.2, -0.5), (0.2, -0.5), (0.2, -0.2), (0.5, -0.2), (0.5, 0.2), (0.2, 0.2), (0.2, 0.5), (-0.2, 0.5),
              (-0.2, 0.2), (-0.5, 0.2), (-0.5, -0.2), (-0.2, -0.2)],
    "bevel": [(-0.28, -0.5), (0.28, -0.5), (0.5, -0.28), (0.5, 0.28), (0.28, 0.5), (-0.28, 0.5), (-0.5, 0.28),
              (-0.5, -0.28)],
}  # fmt: skip


@dataclass
class Footprints:
    """Footprints by parameters.

    Attributes
    ----------
    centre
        Shape (n, 2), metres.
    width_m, depth_m, angle
        Shape (n,); the angle of the width from east, counter-clockwise, in radians.
    outline
        Shape (n,), name of the outline: rect, ell, yard, comb, cross or bevel.
    """

    centre: Points
    width_m: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    angle: NDArray[np.float64]
    outline: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.centre)

    def polygons(self) -> NDArray[np.object_]:
        """Return the footprints as polygons, shape (n,)."""
        polygons = np.empty(len(self), dtype=object)
        for name, corners in _OUTLINES.items():
            which = np.flatnonzero(self.outline == name)
            if len(which):
                polygons[which] = shapely.polygons(self._corners(which, np.array(corners)))
        return polygons

    def _corners(self, which: NDArray[np.int64], corners: Points) -> NDArray[np.float64]:
        x = corners[None, :, 0] * self.width_m[which, None]
        y = corners[None, :, 1] * self.depth_m[which, None]
        cos, sin = np.cos(self.angle[which, None]), np.sin(self.angle[which, None])
        turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)
        return turned + self.centre[which, None, :]


def concat_footprints(parts: list[Footprints]) -> Footprints:
    """Concatenate footprints."""
    return Footprints(
        np.concatenate([p.centre for p in parts]),
        np.concatenate([p.width_m for p in parts]),
        np.concatenate([p.depth_m for p in parts]),
        np.concatenate([p.angle for p in parts]),
        np.concatenate([p.outline for p in parts]),
    )
