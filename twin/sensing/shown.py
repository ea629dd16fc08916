"""Who may see which measured property of which feature, now and at the time of an observation."""

from __future__ import annotations

from collections.abc import Container

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, bind, compose
from layers.layer_rights import LayerRights
from layers.read.facts import holding, observed_fields, unnamed_fields
from layers.read.rights import rights_at, scope_over
from layers.read.scope import any_of
from layers.schema.tables import keeps_past, past_of


def shown_properties(layer: Layer, actor: Actor, known: Container[str] | None = None) -> Clause:
    """Return the condition over features `f` and observations `n`: the properties that an actor sees of a feature.

    A property is seen where one case shows every field that it feeds. Empty for all of the rows that the actor sees.

    Parameters
    ----------
    known
        Names of the fields that the rows have; None is all of them.
    """
    rights, definition = rights_at(layer, actor), layer.definition
    there = definition.by_name if known is None else known
    others = _where_shown(rights, unnamed_fields(definition), there)
    tests = {code: _where_shown(rights, names, there) for code, names in observed_fields(definition).items()}
    if not others and not any(tests.values()):
        return EMPTY
    parts = [
        compose("n.property = {} AND {}", bind(code, "text"), test or Clause("TRUE")) for code, test in tests.items()
    ]
    parts.append(compose("n.property <> ALL ({}) AND {}", bind(sorted(tests), "text[]"), others or Clause("TRUE")))
    return any_of(parts)


def _where_shown(rights: LayerRights, names: tuple[str, ...], known: Container[str]) -> Clause:
    if all(case.showing(name) == "full" for case in rights.cases for name in names):
        return EMPTY  # the rows of all cases are those that the actor sees
    return holding(rights, names, known)


def shown_since(layer: Layer, actor: Actor) -> Clause:
    """Return the condition over observations `n` that every version of the feature since then may be seen too.

    So what was measured while a feature was secret, or in an area of others, stays hidden when that has changed. Empty
    when the actor sees all versions.
    """
    known = {field.name for field in layer.definition.stored_fields if field.live is None}
    tests = [test for test in (scope_over(layer, actor, known), shown_properties(layer, actor, known)) if test]
    if not tests or not keeps_past(layer.id):
        return EMPTY
    return compose(
        f"""NOT EXISTS (SELECT FROM {past_of(layer.id)} AS f WHERE f.id = n.id AND f._known_to > n.phenomenon_time
            AND NOT coalesce({{}}, FALSE))""",
        all_of(tests),
    )
