"""The faults of a policy against the layers there are: what it names and is not there, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from layers.definition import LayerDefinition
from layers.errors import BadFilter
from layers.layer_rights import has_areas, masks_type, rights_of
from layers.policy.definition import EVERY, PolicyRule
from layers.policy.policy import Policy
from layers.read.caller import compile_rows, row_queryables
from layers.review.finding import PolicyFault, PolicyFinding
from layers.review.holders import SOMEWHERE, attributes_of, holder_of, widest_holders
from layers.tiers import TIERS

_ADMINISTRATORS = {"users": "sysadmin", "policy": "security_admin", "audit": "auditor"}
_AREA_LAYERS = frozenset(tier.layer_id for tier in TIERS)
_SINGLE_SEAT = "operator"

type Definitions = Mapping[str, LayerDefinition]


def errors_of(policy: Policy, definitions: Definitions, *, lacks_layers: bool = False) -> list[str]:
    """Return, as texts, the findings for which a policy is refused.

    Parameters
    ----------
    lacks_layers
        Whether the policy may name layers that are not there: a layer that was dropped keeps no server from starting.
    """
    errors = _errors(policy, definitions)
    return [str(found) for found in errors if not (lacks_layers and found.kind is PolicyFault.UNKNOWN_LAYER)]


def check_policy(
    policy: Policy, definitions: Definitions, lowest_grades: Mapping[str, int] | None = None
) -> list[PolicyFinding]:
    """Return every finding, those for which the policy is refused first.

    Parameters
    ----------
    lowest_grades
        By layer, the grade of its least sensitive row; a layer that is not named may have rows of any grade.
    """
    errors = list(_errors(policy, definitions))
    warnings = [*_idle_roles(policy), *_unreachable(policy, definitions, lowest_grades or {})]
    if not errors:  # what nobody sees follows from rules that are right
        warnings += [*_unseen(policy, definitions), *_told_places(policy, definitions)]
    return errors + warnings


def _errors(policy: Policy, definitions: Definitions) -> Iterator[PolicyFinding]:
    for rule in policy.rules:
        yield from _names(rule, definitions)
        for layer_id in sorted(set(rule.layers) & definitions.keys()):
            yield from _fields(rule, definitions[layer_id])
            yield from _rows(rule, definitions[layer_id], policy)
    for role in policy.roles.values():
        held = sorted({_ADMINISTRATORS[duty] for duty in role.duties if duty in _ADMINISTRATORS})
        if len(held) > 1:
            yield PolicyFinding(PolicyFault.JOINT_DUTIES, f"role {role.id}", ", ".join(held))


def _names(rule: PolicyRule, definitions: Definitions) -> Iterator[PolicyFinding]:
    unknown = sorted(set(rule.layers) - definitions.keys() - {EVERY})
    if unknown:
        yield PolicyFinding(PolicyFault.UNKNOWN_LAYER, f"rule {rule.id}", ", ".join(unknown))
    others = sorted(set(rule.count_by) - _AREA_LAYERS)
    if others:
        yield PolicyFinding(PolicyFault.NO_AREA_LAYER, f"rule {rule.id}", ", ".join(others))


def _fields(rule: PolicyRule, layer: LayerDefinition) -> Iterator[PolicyFinding]:
    for name, how in rule.fields.items():
        if name == EVERY:
            continue
        field = layer.by_name.get(name)
        if field is None or field.internal:
            yield PolicyFinding(PolicyFault.UNKNOWN_FIELD, f"rule {rule.id}", f"{layer.id}.{name}")
        elif not masks_type(how, field):
            yield PolicyFinding(PolicyFault.WRONG_MASK, f"rule {rule.id}", f"{layer.id}.{name} ({field.type}): {how}")


def _rows(rule: PolicyRule, layer: LayerDefinition, policy: Policy) -> Iterator[PolicyFinding]:
    if rule.rows is None:
        return
    attributes = ((name, "0") for name in attributes_of([rule]))
    caller = holder_of(policy, rule.roles[0], areas=(SOMEWHERE,), departments=("none",), attributes=attributes)
    try:
        compile_rows(rule.rows, row_queryables(layer), caller)
    except BadFilter as error:
        yield PolicyFinding(PolicyFault.BAD_ROWS, f"rule {rule.id}", f"{layer.id}: {error.message}")


def _idle_roles(policy: Policy) -> Iterator[PolicyFinding]:
    for role in policy.roles.values():
        if not role.duties and not policy.rules_of(role.id):
            yield PolicyFinding(PolicyFault.ROLE_WITHOUT_RULES, f"role {role.id}")


def _unreachable(policy: Policy, definitions: Definitions, lowest: Mapping[str, int]) -> Iterator[PolicyFinding]:
    for rule in policy.rules:
        reasons = {role: _why_never(rule, role, policy, definitions, lowest) for role in rule.roles}
        if all(reasons.values()):
            yield PolicyFinding(PolicyFault.UNREACHABLE_RULE, f"rule {rule.id}", str(next(iter(reasons.values()))))


def _why_never(
    rule: PolicyRule, role: str, policy: Policy, definitions: Definitions, lowest: Mapping[str, int]
) -> str | None:
    """Return why a rule never gives anything to a role, None when it may."""
    named = {layer for other in policy.rules_of(role) if other.names_layers for layer in other.layers}
    layers = [d for d in definitions.values() if (d.id not in named if EVERY in rule.layers else d.id in rule.layers)]
    if not layers:
        return f"rules of {role} name every layer" if EVERY in rule.layers else None
    if rule.areas == "own" and not any(has_areas(layer) for layer in layers):
        return "areas: own, and no feature says in which area it lies"
    grade = min(rule.grade, policy.clearance_of([role]))
    if all(grade < _lowest(layer, lowest) for layer in layers):
        return f"{role} sees grade {grade} at most, and no row has so low a grade"
    return None


def _lowest(layer: LayerDefinition, lowest: Mapping[str, int]) -> int:
    return lowest.get(layer.id, 1) if "data_grade" in layer.by_name else layer.grade


def _unseen(policy: Policy, definitions: Definitions) -> Iterator[PolicyFinding]:
    roles = [role for role in policy.roles if role != _SINGLE_SEAT]
    holders = [holder for role in roles for holder in widest_holders(policy, role)]
    for layer in definitions.values():
        shown = {name for holder in holders for case in rights_of(layer, holder).all_cases for name in case.showings}
        hidden = [field.name for field in layer.fields if not field.internal and field.name not in shown]
        if hidden:
            yield PolicyFinding(PolicyFault.UNSEEN_FIELD, f"layer {layer.id}", ", ".join(hidden))


def _told_places(policy: Policy, definitions: Definitions) -> Iterator[PolicyFinding]:
    """Yield the fields that undo a masked place; what moves is not where its row says it belongs."""
    for rule in policy.rules:
        if rule.geometry == "full" or "read" not in rule.operations:
            continue
        for layer in _still(rule, definitions):
            told = [name for name, how in rule.fields.items() if how == "full" and _tells(layer, name)]
            if told:
                yield PolicyFinding(PolicyFault.TOLD_PLACE, f"rule {rule.id}", f"{layer.id}: {', '.join(told)}")


def _still(rule: PolicyRule, definitions: Definitions) -> Sequence[LayerDefinition]:
    return [definitions[name] for name in rule.layers if name in definitions and definitions[name].motion is None]


def _tells(layer: LayerDefinition, name: str) -> bool:
    return name in layer.by_name and layer.by_name[name].tells_place
