"""Who may see which measured property of which feature: the same cases that streams apply to observations."""

from __future__ import annotations

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, bind, compose
from layers.layer_rights import LayerRights
from layers.read.rights import rights_at
from layers.read.scope import any_of, holds


def shown_properties(layer: Layer, actor: Actor) -> Clause:
    """Return the condition over features `f` and observations `n`: the properties that an actor sees of a feature.

    A property is seen where one case shows every field that it feeds, and when anything was last heard. Empty for all.
    """
    rights = rights_at(layer, actor)
    fed: dict[str, list[str]] = {}
    times: list[str] = []
    for field in layer.definition.fields:
        if field.live and field.live.any_observation == "time":
            times.append(field.name)
        if field.live and (code := field.live.observed):
            fed.setdefault(code, []).append(field.name)
    others = _where_shown(layer, rights, times)
    tests = {code: _where_shown(layer, rights, [*times, *names]) for code, names in fed.items()}
    if not others and not any(tests.values()):
        return EMPTY
    parts = [
        compose("n.property = {} AND {}", bind(code, "text"), test or Clause("TRUE")) for code, test in tests.items()
    ]
    parts.append(compose("n.property <> ALL ({}) AND {}", bind(sorted(tests), "text[]"), others or Clause("TRUE")))
    return any_of(parts)


def _where_shown(layer: Layer, rights: LayerRights, names: list[str]) -> Clause:
    cases = [case for case in rights.cases if all(case.showing(name) == "full" for name in names)]
    if len(cases) == len(rights.cases):
        return EMPTY  # the rows of all cases are those that the actor sees
    return any_of(holds(case, rights, layer.definition.by_name) for case in cases)
