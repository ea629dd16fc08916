"""An evaluator for the expressions of the MapLibre style specification that our own styles use."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tiles.styles.color import mix

_ROUND_UP = 0.5


@dataclass(frozen=True, slots=True)
class StyledFeature:
    """The input of an expression.

    Attributes
    ----------
    kind
        ``Point``, ``LineString`` or ``Polygon``, also of a multi-part geometry.
    zoom
        The zoom of MapLibre, whose world is 512 pixels wide at zoom 0.
    """

    properties: Mapping[str, Any]
    kind: str
    zoom: float


def evaluate(expression: Any, feature: StyledFeature) -> Any:
    """Return the value of an expression.

    Raises
    ------
    ValueError
        For an operator that no style of ours uses.
    """
    if not (isinstance(expression, list) and isinstance(expression[0], str)):  # a list of numbers is a value too
        return expression
    name, *arguments = expression
    lazy = _LAZY.get(name)
    if lazy is not None:
        return lazy(arguments, feature)
    plain = _PLAIN.get(name)
    if plain is None:
        raise ValueError(f"the expression '{name}' is not known here")
    return plain(*(evaluate(argument, feature) for argument in arguments))


def _text(value: Any) -> str:
    """Return a value as text, as MapLibre does: None is empty, whole numbers have no decimal point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _match(arguments: Sequence[Any], feature: StyledFeature) -> Any:
    value = evaluate(arguments[0], feature)
    for label, result in zip(arguments[1:-1:2], arguments[2::2], strict=True):
        if value in label if isinstance(label, list) else value == label:
            return evaluate(result, feature)
    return evaluate(arguments[-1], feature)


def _coalesce(arguments: Sequence[Any], feature: StyledFeature) -> Any:
    return next((value for one in arguments if (value := evaluate(one, feature)) is not None), None)


def _interpolate(arguments: Sequence[Any], feature: StyledFeature) -> Any:
    how, at = arguments[0], evaluate(arguments[1], feature)
    stops = list(zip(arguments[2::2], arguments[3::2], strict=True))
    if at <= stops[0][0]:
        return evaluate(stops[0][1], feature)
    for (low, below), (high, above) in pairwise(stops):
        if at < high:
            share = _share(how, at - low, high - low)
            return _between(evaluate(below, feature), evaluate(above, feature), share)
    return evaluate(stops[-1][1], feature)


def _share(how: Sequence[Any], done: float, whole: float) -> float:
    base = how[1] if how[0] == "exponential" else 1
    return float(done / whole if base == 1 else (base**done - 1) / (base**whole - 1))


def _between(one: Any, other: Any, share: float) -> Any:
    return mix(other, one, share) if isinstance(one, str) else one + (other - one) * share


def _step(arguments: Sequence[Any], feature: StyledFeature) -> Any:
    at, chosen = evaluate(arguments[0], feature), arguments[1]
    for stop, value in zip(arguments[2::2], arguments[3::2], strict=True):
        if at >= stop:
            chosen = value
    return evaluate(chosen, feature)


_LAZY: Mapping[str, Callable[[Sequence[Any], StyledFeature], Any]] = {
    "get": lambda arguments, feature: feature.properties.get(arguments[0]),
    "has": lambda arguments, feature: feature.properties.get(arguments[0]) is not None,
    "geometry-type": lambda _, feature: feature.kind,
    "zoom": lambda _, feature: feature.zoom,
    "match": _match,
    "coalesce": _coalesce,
    "interpolate": _interpolate,
    "step": _step,
    "all": lambda arguments, feature: all(evaluate(one, feature) for one in arguments),
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
