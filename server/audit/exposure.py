"""What reading a layer shows to an actor: the highest grade, the sensitive fields, and whether anything is masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import time

from layers.actor import Actor
from layers.audit.record import SENSITIVE_GRADE
from layers.catalog import Layer
from layers.definition import GRADE, LayerDefinition
from layers.moment import Throughout
from layers.read.rights import rights_at, visible_fields

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
    by_field
        The grade of each field that is shown as it is.
    """

    grade: int
    row_grade: int
    fields: tuple[str, ...]
    masked: bool
    rules: tuple[str, ...]
    by_field: Mapping[str, int] = field(default_factory=dict)

    def grade_of(self, names: Iterable[str] | None) -> int:
        """Return the highest grade of the rows and some of the fields; None is all of them."""
        if names is None:
            return self.grade
        return max([self.row_grade, *(self.by_field.get(name, 1) for name in names)])


class Exposures:
    """The exposures of the layers and audiences that were asked for last."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, str, int, str], tuple[LayerDefinition, Exposure]] = {}

    def of(self, layer: Layer, actor: Actor) -> Exposure:
        """Return the exposure of a layer to an actor; of a policy it is worked out anew each minute, for its hours."""
        minute = 0 if actor.policy is None else int(time() // 60)
        key = layer.id, layer.version, actor.audience, minute, _when(layer)
        kept = self._kept.get(key)
        if kept is not None and kept[0] is layer.definition:
            return kept[1]
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        exposure = _exposure(layer, actor)
        self._kept[key] = layer.definition, exposure
        return exposure


def _when(layer: Layer) -> str:
    """Return which rights count: those of the present, of the past, or of one kind of facts of the past."""
    if layer.moment is None:
        return ""
    return layer.moment.facts if isinstance(layer.moment, Throughout) else "past"


def _exposure(layer: Layer, actor: Actor) -> Exposure:
    shown = [field for field in visible_fields(layer, actor) if not field.definition.internal]
    plain = [field.definition for field in shown if not field.masked]
    known = [field for field in layer.definition.fields if not field.internal]
    row_grade = _row_grade(layer, actor)
    sensitive = tuple(f"{layer.id}.{field.name}" for field in plain if field.grade >= SENSITIVE_GRADE)
    grade = max([row_grade, *(field.grade for field in plain)])
    rules = actor.policy.rules_on(layer.id, actor.roles, actor.departments, actor.purpose) if actor.policy else ()
    by_field = {field.name: field.grade for field in plain}
    return Exposure(grade, row_grade, sensitive, len(plain) < len(known), tuple(rule.id for rule in rules), by_field)


def _row_grade(layer: Layer, actor: Actor) -> int:
    """Return the highest grade of a row that the actor may see.

    It follows from its rights where statistics may be behind, and as of a moment, of which none are kept: a row may
    have been of a higher grade than any is now.
    """
    definition = layer.definition
    top = rights_at(layer, actor).top_grade or actor.clearance
    if GRADE not in definition.by_name:
        return min(definition.grade, top)
    if definition.is_live or layer.moment is not None or not layer.by_grade:
        return top
    return max((grade for grade in layer.by_grade if grade <= top), default=1)
