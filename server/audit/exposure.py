"""What reading a layer shows to an actor: the highest grade, the sensitive fields, and whether anything is masked."""

from __future__ import annotations

from dataclasses import dataclass
from time import time

from layers.actor import Actor
from layers.audit.record import SENSITIVE_GRADE
from layers.catalog import Layer
from layers.definition import GRADE, LayerDefinition
from layers.read.rights import visible_fields

_KEPT_MAX = 2000


@dataclass(frozen=True, slots=True)
class Exposure:
    """What an answer about a layer may hold, at most.

    Attributes
    ----------
    grade
        The highest grade of the fields and rows that the actor sees.
    row_grade
        The same of the rows alone: of counts, which show no fields.
    fields
        Visible fields of grade 3 and above, as ``layer.field``.
    masked
        Whether any field of the layer is masked or left out.
    rules
        Ids of the rules of the policy that decided.
    """

    grade: int
    row_grade: int
    fields: tuple[str, ...]
    masked: bool
    rules: tuple[str, ...]


class Exposures:
    """The exposures of the layers and audiences that were asked for last."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, str, int], tuple[LayerDefinition, Exposure]] = {}

    def of(self, layer: Layer, actor: Actor) -> Exposure:
        """Return the exposure of a layer to an actor; of a policy it is worked out anew each minute, for its hours."""
        minute = 0 if actor.policy is None else int(time() // 60)
        key = layer.id, layer.version, actor.audience, minute
        kept = self._kept.get(key)
        if kept is not None and kept[0] is layer.definition:
            return kept[1]
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        exposure = _exposure(layer, actor)
        self._kept[key] = layer.definition, exposure
        return exposure


def _exposure(layer: Layer, actor: Actor) -> Exposure:
    shown = [field for field in visible_fields(layer, actor) if not field.definition.internal]
    plain = [field.definition for field in shown if not field.masked]
    known = [field for field in layer.definition.fields if not field.internal]
    row_grade = _row_grade(layer, actor)
    sensitive = tuple(f"{layer.id}.{field.name}" for field in plain if field.grade >= SENSITIVE_GRADE)
    grade = max([row_grade, *(field.grade for field in plain)])
    rules = actor.policy.rules_on(layer.id, actor.roles, actor.departments, actor.purpose) if actor.policy else ()
    return Exposure(grade, row_grade, sensitive, len(plain) < len(known), tuple(rule.id for rule in rules))


def _row_grade(layer: Layer, actor: Actor) -> int:
    """Return the highest grade of a row that the actor may see; by its clearance where statistics may be behind."""
    definition = layer.definition
    if GRADE not in definition.by_name:
        return min(definition.grade, actor.clearance)
    if definition.is_live or not layer.by_grade:
        return actor.clearance
    return max((grade for grade in layer.by_grade if grade <= actor.clearance), default=1)
