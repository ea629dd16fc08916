"""The limits of a filter's size, checked before any code recurses over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from layers.errors import BadFilter

PARAMETER = "filter"
_COORDINATES_DEPTH = 6  # a MultiPolygon needs 4


@dataclass(frozen=True, slots=True)
class FilterLimits:
    """The limits of a filter's size.

    Attributes
    ----------
    length
        Characters of text.
    nodes
        Words, values and operators, coordinates not counted.
    depth
        Levels of nested parentheses and calls.
    vertices
        Positions of all geometries together.
    """

    length: int = 65_536
    nodes: int = 10_000
    depth: int = 64
    vertices: int = 100_000


def too_large(what: str, allowed: int, given: int | None = None) -> BadFilter:
    """Return the error for an exceeded limit, to be raised."""
    size = f"has {given:,} {what}" if given is not None else f"has too many {what}"
    return BadFilter(f"the filter {size}; allowed are {allowed:,}", parameter=PARAMETER)


def check_size(expression: Any, limits: FilterLimits) -> None:
    """Check an expression's depth, size and types, without recursion.

    Raises
    ------
    BadFilter
        When it exceeds a limit, or holds a value of no JSON type.
    """
    nodes = vertices = 0
    pending = [(expression, 0)]
    while pending:
        node, depth = pending.pop()
        nodes += 1
        if depth > 2 * limits.depth:  # an operator is an object in an array
            raise too_large("levels", limits.depth)
        if nodes > limits.nodes:
            raise too_large("parts", limits.nodes)
        if isinstance(node, dict) and "coordinates" in node:
            vertices += _vertices(node["coordinates"], limits.vertices - vertices)
        else:
            pending.extend((child, depth + 1) for child in _children(node))


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if not all(isinstance(key, str) for key in node):
            raise BadFilter("the filter's JSON has a member whose name is not a string", parameter=PARAMETER)
        yield from node.values()
    elif isinstance(node, list | tuple):
        yield from node


def _vertices(coordinates: Any, allowed: int) -> int:
    """Count positions: arrays whose first member is no array."""
    count = 0
    pending = [(coordinates, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > _COORDINATES_DEPTH:
            raise BadFilter("a geometry's coordinates are nested deeper than in any GeoJSON type", parameter=PARAMETER)
        if isinstance(part, list | tuple) and part and isinstance(part[0], list | tuple):
            pending.extend((inner, depth + 1) for inner in part)
            continue
        count += 1
        if count > allowed:
            raise too_large("vertices", allowed)
    return count
