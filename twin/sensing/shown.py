"""Who may see which measured property of which feature, now and at the time of an observation."""

from __future__ import annotations

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, compose
from layers.read.facts import allowed
from layers.read.rights import scope_over
from layers.schema.tables import keeps_past, past_of

_CODE = "n.property"


def shown_properties(layer: Layer, actor: Actor) -> Clause:
    """Return the condition over features `f` and observations `n`: the properties that an actor sees of a feature.

    Empty for all of the rows that the actor sees.
    """
    return allowed(layer, actor, _CODE)


def shown_since(layer: Layer, actor: Actor) -> Clause:
    """Return the condition over observations `n` that every version of the feature since then may be seen too.

    So what was measured while a feature was secret, or in an area of others, stays hidden when that has changed. Empty
    when the actor sees all versions.
    """
    known = {field.name for field in layer.definition.stored_fields if field.live is None}
    tests = [test for test in (scope_over(layer, actor, known), allowed(layer, actor, _CODE, known)) if test]
    if not tests or not keeps_past(layer.id):
        return EMPTY
    return compose(
        f"""NOT EXISTS (SELECT FROM {past_of(layer.id)} AS f WHERE f.id = n.id AND f._known_to > n.phenomenon_time
            AND NOT coalesce({{}}, FALSE))""",
        all_of(tests),
    )
