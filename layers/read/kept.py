"""What is worked out of a layer's definition and an audience is kept: rights of many rules make long statements."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, cast

from layers.actor import Actor
from layers.catalog import Layer

KEPT_MAX = 500
"""Results of each function, the largest of about 30 kB; then it begins anew."""


def kept[**P, T](work: Callable[Concatenate[Layer, Actor, P], T]) -> Callable[Concatenate[Layer, Actor, P], T]:
    """Keep what a function returns, for as long as the definitions and the audience are the same.

    The function reads nothing of the layer but its definitions and moment, and nothing of the actor but what makes its
    audience; its further arguments are hashable. What it returns of the past is not kept: moments are many.
    """
    results: dict[Hashable, tuple[object, T]] = {}

    @wraps(work)
    def of(layer: Layer, actor: Actor, *rest: P.args, **named: P.kwargs) -> T:
        if layer.moment is not None:
            return work(layer, actor, *rest, **named)
        key = id(layer.definition), id(layer.referred), actor.audience, rest, tuple(named.items())
        found = results.get(key)
        if found is not None:
            return found[1]
        made = work(layer, actor, *rest, **named)
        if len(results) >= KEPT_MAX:
            results.clear()
        results[key] = (layer.definition, layer.referred), made  # held: no other definition has its id meanwhile
        return made

    return cast("Callable[Concatenate[Layer, Actor, P], T]", of)
