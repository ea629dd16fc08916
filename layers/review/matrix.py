"""The matrix of rights: every role, and department and purpose that rules name, on every layer, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from layers.actor import Actor
from layers.definition import LayerDefinition
from layers.layer_rights import rights_of
from layers.policy.policy import Policy
from layers.review.explain import OPERATIONS, CaseReview, explain_case
from layers.review.holders import SOMEWHERE, attributes_of, departments_of, holder_of

COLUMNS = (
    "role",
    "department",
    "purpose",
    "layer",
    "rule",
    "operations",
    "rows",
    "geometry",
    "full",
    "masked",
    "absent",
)
"""Names of the columns of the matrix, for CSV and JSON."""


@dataclass(frozen=True, slots=True)
class RightsRow:
    """What one rule gives the holders of a role on a layer; `case` is None where they see nothing of it."""

    role: str
    department: str
    purpose: str
    layer: str
    case: CaseReview | None

    def cells(self) -> dict[str, str]:
        """Return the row as texts by the names of `COLUMNS`."""
        case = self.case
        given = dict.fromkeys(COLUMNS, "") | {
            "role": self.role, "department": self.department, "purpose": self.purpose, "layer": self.layer,
        }  # fmt: skip
        if case is None:
            return given
        return given | {
            "rule": case.rule,
            "operations": " ".join(case.operations),
            "rows": case.rows,
            "geometry": case.geometry or "",
            "full": " ".join(case.full),
            "masked": " ".join(f"{name}={how}" for name, how in case.masked.items()),
            "absent": " ".join(case.absent),
        }


def rights_matrix(policy: Policy, definitions: Mapping[str, LayerDefinition]) -> Iterator[RightsRow]:
    """Yield the rows, by role and layer; roles with departments or purposes have rows for each of them.

    What everybody sees is in the rows of each role too.
    """
    for role in policy.roles:
        for actor in _holders(policy, role):
            for layer_id in sorted(definitions):
                yield from _rows(actor, role, definitions[layer_id])


def _rows(actor: Actor, role: str, definition: LayerDefinition) -> Iterator[RightsRow]:
    labels = role, " ".join(actor.departments), actor.purpose or "", definition.id
    cases = [case for case in rights_of(definition, actor).all_cases if set(case.operations) & set(OPERATIONS)]
    for case in cases:
        yield RightsRow(*labels, explain_case(case, definition))
    if not cases:
        yield RightsRow(*labels, None)


def _holders(policy: Policy, role: str) -> Iterator[Actor]:
    rules = policy.rules_of(role)
    named = {name for rule in rules for name in rule.departments}
    purposes = sorted({purpose for rule in rules for purpose in rule.purposes})
    for department in (*departments_of(rules), *(("none",) if named else ())):
        for purpose in (None, *purposes):
            yield holder_of(
                policy,
                role,
                areas=(SOMEWHERE,) if policy.roles[role].bound else (),
                departments=() if department == "none" else (department,),
                purpose=purpose,
                attributes=((name, f"<{name}>") for name in attributes_of(rules)),
            )
