"""The check of a policy: the shipped one passes, and each fault is found by its kind."""

from __future__ import annotations

import pytest

from layers.definition import read_definitions
from layers.policy.definition import PolicyRole, PolicyRule
from layers.policy.policy import Policy
from layers.review.check import check_policy, errors_of
from layers.review.explain import explain_layer
from layers.review.finding import PolicyFault
from layers.review.holders import holder_of
from layers.review.matrix import COLUMNS, rights_matrix

DEFINITIONS = read_definitions()


def role(name, clearance=3, **more):
    return PolicyRole(id=name, title_zh=name, title_en=name, clearance=clearance, **more)


def rule(name, roles="officer", layers="grids", **more):
    return PolicyRule(id=name, roles=tuple(roles.split()), layers=tuple(layers.split()), **more)


def kinds(*rules, roles=(), lowest=None):
    policy = Policy((role("anonymous", 1), role("officer"), *roles), rules)
    return {(found.kind, found.subject) for found in check_policy(policy, DEFINITIONS, lowest)}


def test_the_shipped_policy_has_no_error(policy):
    found = check_policy(policy, DEFINITIONS)
    assert [str(one) for one in found if one.kind.is_error] == []
    assert {one.kind for one in found} <= {PolicyFault.ROLE_WITHOUT_RULES, PolicyFault.UNSEEN_FIELD}
    hidden = {one.subject: one.detail for one in found if one.kind is PolicyFault.UNSEEN_FIELD}
    assert hidden == {"layer events": "extra", "layer vehicles": "sim_no"}


@pytest.mark.parametrize(
    ("faulty", "kind"),
    [
        (rule("r", layers="grids wells"), PolicyFault.UNKNOWN_LAYER),
        (rule("r", fields={"nmae": "absent"}), PolicyFault.UNKNOWN_FIELD),
        (rule("r", fields={"population": "name"}), PolicyFault.WRONG_MASK),
        (rule("r", fields={"name": "stock_class"}), PolicyFault.WRONG_MASK),
        (rule("r", rows="population >"), PolicyFault.BAD_ROWS),
        (rule("r", rows="nobody = 'x'"), PolicyFault.BAD_ROWS),
        (rule("r", rows="population = 'many'"), PolicyFault.BAD_ROWS),
        (rule("r", rows="grid_code = caller(1)"), PolicyFault.BAD_ROWS),
        (rule("r", count_by=("buildings",)), PolicyFault.NO_AREA_LAYER),
    ],
)
def test_a_policy_that_cannot_hold_is_refused(faulty, kind):
    assert (kind, "rule r") in kinds(faulty)
    policy = Policy((role("anonymous", 1), role("officer")), [faulty])
    assert errors_of(policy, DEFINITIONS)
    assert bool(errors_of(policy, DEFINITIONS, lacks_layers=True)) == (kind is not PolicyFault.UNKNOWN_LAYER)


def test_two_administrators_are_never_one_role():
    joint = role("both", duties=("policy", "audit"))
    assert (PolicyFault.JOINT_DUTIES, "role both") in kinds(roles=[joint])
    assert (PolicyFault.JOINT_DUTIES, "role both") not in kinds(roles=[role("both", duties=("users", "feeds"))])


@pytest.mark.parametrize(
    "idle",
    [
        (rule("all", layers="*"), rule("named", layers=" ".join(DEFINITIONS))),
        (rule("all", "anonymous", "video_points", grade=1),),
    ],
)
def test_a_rule_that_never_gives_anything_is_found(idle):
    found = kinds(*idle, lowest={"video_points": 3})
    assert (PolicyFault.UNREACHABLE_RULE, "rule all") in found
    assert (PolicyFault.UNREACHABLE_RULE, "rule named") not in found


def test_a_place_that_is_told_beside_its_mask_is_found():
    told = rule("told", layers="events", geometry="cell_100", fields={"address": "full"})
    still = rule("still", layers="events", geometry="cell_100", fields={"address": "address"})
    moving = rule("moving", layers="grid_workers", geometry="absent", fields={"grid_codes": "full"})
    found = {subject for kind, subject in kinds(told, still, moving) if kind is PolicyFault.TOLD_PLACE}
    assert found == {"rule told"}


def test_each_rule_is_explained(policy):
    actor = holder_of(policy, "street_dispatcher", areas=["440106011"])
    cases = {case.rule: case for case in explain_layer(DEFINITIONS["events"], actor)}
    assert set(cases) == {"events-public", "events-counted", "events-own-area", "events-report"}
    assert not cases["events-report"].full, "who may report is shown nothing by that"
    own = cases["events-own-area"]
    assert "440106011" in own.rows
    assert {"description", "extra", "complainant_name"} <= set(own.absent)
    assert {"description_redacted", "title", "handler_id"} <= set(own.full)
    for case in cases.values():
        shown = {*case.full, *case.masked, *case.absent}
        assert shown == {field.name for field in DEFINITIONS["events"].fields if not field.internal}


def test_the_matrix_has_every_role_and_layer(policy):
    rows = list(rights_matrix(policy, DEFINITIONS))
    assert {(row.role, row.layer) for row in rows} == {(r, name) for r in policy.roles for name in DEFINITIONS}
    assert all(tuple(row.cells()) == COLUMNS for row in rows)
    water = [row for row in rows if (row.role, row.layer) == ("department_officer", "water_facilities")]
    assert {(row.department, row.case.rule) for row in water if row.case and "pumps_running" in row.case.full} == {
        ("water", "facilities-water")
    }
