"""Expressions of the MapLibre style specification, evaluated here: as far as our own styles use them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tiles.styles.color import mixed

_ROUND_UP = 0.5


@dataclass(frozen=True, slots=True)
class StyledFeature:
    """A feature as an expression sees it.

    Attributes
    ----------
    kind
        ``Point``, ``LineString`` or ``Polygon``; several of a kind are of that kind.
    zoom
        Of MapLibre, whose world is 512 pixels wide at zoom 0.
    """

    properties: Mapping[str, Any]
    kind: str
    zoom: float


def evaluate(expression: Any, seen: StyledFeature) -> Any:
    """Return the value of an expression.

    Raises
    ------
    ValueError
        For an operator that no style of ours has.
    """
    if not (isinstance(expression, list) and isinstance(expression[0], str)):  # numbers in a list are values too
        return expression
    name, *arguments = expression
    lazy = _LAZY.get(name)
    if lazy is not None:
        return lazy(arguments, seen)
    plain = _PLAIN.get(name)
    if plain is None:
        raise ValueError(f"the expression '{name}' is not known here")
    return plain(*(evaluate(argument, seen) for argument in arguments))


def _text(value: Any) -> str:
    """Write a value as MapLibre does: nothing is empty, whole numbers have no point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _match(arguments: Sequence[Any], seen: StyledFeature) -> Any:
    value = evaluate(arguments[0], seen)
    for label, result in zip(arguments[1:-1:2], arguments[2::2], strict=True):
        if value in label if isinstance(label, list) else value == label:
            return evaluate(result, seen)
    return evaluate(arguments[-1], seen)


def _coalesce(arguments: Sequence[Any], seen: StyledFeature) -> Any:
    return next((value for one in arguments if (value := evaluate(one, seen)) is not None), None)


def _interpolate(arguments: Sequence[Any], seen: StyledFeature) -> Any:
    how, at = arguments[0], evaluate(arguments[1], seen)
    stops = list(zip(arguments[2::2], arguments[3::2], strict=True))
    if at <= stops[0][0]:
        return evaluate(stops[0][1], seen)
    for (low, below), (high, above) in pairwise(stops):
        if at < high:
            share = _share(how, at - low, high - low)
            return _between(evaluate(below, seen), evaluate(above, seen), share)
    return evaluate(stops[-1][1], seen)


def _share(how: Sequence[Any], done: float, whole: float) -> float:
    base = how[1] if how[0] == "exponential" else 1
    return float(done / whole if base == 1 else (base**done - 1) / (base**whole - 1))


def _between(one: Any, other: Any, share: float) -> Any:
    return mixed(other, one, share) if isinstance(one, str) else one + (other - one) * share


def _step(arguments: Sequence[Any], seen: StyledFeature) -> Any:
    at, chosen = evaluate(arguments[0], seen), arguments[1]
    for stop, value in zip(arguments[2::2], arguments[3::2], strict=True):
        if at >= stop:
            chosen = value
    return evaluate(chosen, seen)


_LAZY: Mapping[str, Callable[[Sequence[Any], StyledFeature], Any]] = {
    "get": lambda arguments, seen: seen.properties.get(arguments[0]),
    "has": lambda arguments, seen: seen.properties.get(arguments[0]) is not None,
    "geometry-type": lambda _, seen: seen.kind,
    "zoom": lambda _, seen: seen.zoom,
    "match": _match,
    "coalesce": _coalesce,
    "interpolate": _interpolate,
    "step": _step,
    "all": lambda arguments, seen: all(evaluate(one, seen) for one in arguments),
}
_PLAIN: Mapping[str, Callable[..., Any]] = {
    "to-string": _text,
    "concat": lambda *parts: "".join(map(_text, parts)),
    "!": lambda value: not value,
    "==": lambda one, other: one == other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "+": lambda *parts: sum(parts),
    "-": lambda *parts: -parts[0] if len(parts) == 1 else parts[0] - parts[1],
    "*": lambda *parts: math.prod(parts),
    "/": lambda one, other: one / other,
    "max": max,
    "round": lambda value: math.floor(value + _ROUND_UP),
    "log10": math.log10,
}
