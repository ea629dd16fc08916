"""What a policy shows a reader of a layer, rule by rule, in words that can be filed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layers.actor import Actor
from layers.definition import LayerDefinition
from layers.layer_rights import Case, rights_of
from layers.policy.definition import GeometryShowing, Operation, Showing

OPERATIONS: tuple[Operation, ...] = ("read", "aggregate", "history", "export", "report", "handle")


@dataclass(frozen=True, slots=True)
class CaseReview:
    """What one rule gives on a layer.

    Attributes
    ----------
    rule
        Its id; ``labels`` for a reader without a policy.
    rows
        The rows it holds for, in words.
    geometry
        None where features have no geometry.
    full, masked, absent
        Names of the fields by how they are shown; of masked ones also the mask.
    """

    rule: str
    rows: str
    geometry: GeometryShowing | None
    full: tuple[str, ...]
    masked: Mapping[str, Showing]
    absent: tuple[str, ...]
    operations: tuple[Operation, ...]


def explain_layer(definition: LayerDefinition, actor: Actor) -> tuple[CaseReview, ...]:
    """Return what each rule gives a reader on a layer, in the order of the policy; empty when the layer is hidden."""
    return tuple(explain_case(case, definition) for case in rights_of(definition, actor).all_cases)


def explain_case(case: Case, definition: LayerDefinition) -> CaseReview:
    """Return what one case gives."""
    known = [field.name for field in definition.fields if not field.internal]
    return CaseReview(
        rule=case.rule or "labels",
        rows=_rows(case),
        geometry=None if definition.geometry_type == "None" else case.geometry,
        full=tuple(name for name in known if case.showing(name) == "full"),
        masked={name: case.showing(name) for name in known if case.showing(name) not in {"full", "absent"}},
        absent=tuple(name for name in known if case.showing(name) == "absent"),
        operations=tuple(one for one in OPERATIONS if one in case.operations),
    )


def _rows(case: Case) -> str:
    parts = [f"分级 grade ≤ {case.grade}"]
    if case.prefixes is not None:
        parts.append(f"辖区 areas {', '.join(case.prefixes)}")
    if case.rows is not None:
        parts.append(case.rows)
    if case.least_count > 1:
        parts.append(f"计数 counts ≥ {case.least_count}")
    if case.count_by:
        parts.append(f"按 by {', '.join(case.count_by)}")
    return "; ".join(parts)
