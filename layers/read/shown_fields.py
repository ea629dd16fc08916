"""The fields that an actor sees in full of one feature, by the cases that hold for its row."""

from __future__ import annotations

from collections.abc import Sequence

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose, join
from layers.layer_rights import Case
from layers.read.rights import filtered_references, rights_at
from layers.read.scope import holds


def holding_cases(layer: Layer, actor: Actor, feature_id: str) -> Clause:
    """Build the statement that tells which cases hold for a feature's row: one row of booleans, or none."""
    rights = rights_at(layer, actor)
    known = {field.name for field in layer.definition.stored_fields if field.live is None}
    tests = (compose("({})", holds(case, rights, known) or Clause("TRUE")) for case in rights.cases)
    one = Clause("f.id = ?0::text", (feature_id,))
    return compose(f"SELECT {{}} FROM {layer.table} AS f WHERE {{}}", join(", ", tests) or Clause("TRUE"), one)


def shown_fields(layer: Layer, actor: Actor, held: Sequence[bool]) -> frozenset[str]:
    """Return the names of the fields that are shown in full where some cases hold.

    Fields that name other features are not among them where the actor may not see each of these.

    Parameters
    ----------
    held
        For each case whether it holds, as `holding_cases` returns it.
    """
    rights = rights_at(layer, actor)
    cases: list[Case] = [case for case, holds_here in zip(rights.cases, held, strict=True) if holds_here]
    references = {field.name for field in filtered_references(layer, rights)}
    names = (field.name for field in layer.definition.fields if field.name not in references)
    return frozenset(name for name in names if any(case.showing(name) == "full" for case in cases))
