"""Edges with a direction, in the order in which a search reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from layers.types import Mask, Positions
from twin.join.metres import Lengths

type Direction = Literal["inbound", "outbound"]
"""Whether the others come to a place, or one goes from the place to them."""


@dataclass(frozen=True, slots=True)
class Arcs:
    """Directed edges of one mode, sorted by tail, head and time.

    Attributes
    ----------
    tail, head
        `[a]` nodes, in the direction of the search: inbound, a search runs against the traffic.
    edge, seconds
        `[a]` the edge of each, and the time along it.
    key
        `[a]` one number for tail and head.
    """

    tail: Positions
    head: Positions
    edge: Positions
    seconds: Lengths
    key: Positions
    node_count: int

    @classmethod
    def of(cls, tail: Positions, head: Positions, edge: Positions, seconds: Lengths, node_count: int) -> Arcs:
        """Sort arcs."""
        key = tail * node_count + head
        order = np.lexsort((edge, seconds, key))
        return cls(tail[order], head[order], edge[order], seconds[order], key[order], node_count)

    def without(self, closed: Mask) -> Arcs:
        """Return the arcs of open edges; of parallel ones the quickest."""
        arcs = self.take(np.flatnonzero(~closed[self.edge])) if closed.any() else self
        first = np.append(True, arcs.key[1:] != arcs.key[:-1])[: len(arcs.key)]
        return arcs if first.all() else arcs.take(np.flatnonzero(first))

    def take(self, rows: Positions) -> Arcs:
        """Return these arcs."""
        return Arcs(
            self.tail[rows], self.head[rows], self.edge[rows], self.seconds[rows], self.key[rows], self.node_count
        )

    def find(self, tail: int, head: int) -> int:
        """Return the arc between two nodes that has one."""
        return int(np.searchsorted(self.key, tail * self.node_count + head))
