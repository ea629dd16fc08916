"""Tests of the mapping from claims to rights: nothing is granted that no rule of the provider's file names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.policy.read import read_policy
from server.identity.oidc.claims import ClaimsMapping, claimed_of
from server.identity.oidc.oidc_tokens import subject_of
from server.identity.subject import AuthMethod, Subject
from server.installation import PROJECT

POLICY = read_policy(PROJECT / "config" / "policy")
PLAIN = ClaimsMapping.model_validate(
    {
        "roles": {"claims": ["realm_access.roles", "https://id.example/roles"]},
        "areas": {"claims": "areas"},
        "departments": {"claims": "dept"},
        "clearance": {"claims": "grade"},
        "attributes": {"worker_id": {"claims": "employee"}},
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def somebody(mapping: ClaimsMapping = PLAIN, **claims: Any) -> Subject:
    return subject_of(claimed_of("district", mapping, {"sub": "li", **claims}), POLICY)


def test_a_valid_token_without_a_role_is_the_public():
    for subject in (somebody(), somebody(ClaimsMapping(), realm_access={"roles": ["leader"]})):
        assert (subject.roles, subject.clearance, subject.areas) == (("public_user",), 1, ())
        assert (subject.id, subject.method) == ("oidc:district:li", AuthMethod.OIDC)


def test_roles_are_read_at_dotted_paths_and_at_names_with_dots():
    claims = {"realm_access": {"roles": ["leader"]}, "https://id.example/roles": "analyst"}
    assert somebody(**claims).roles == ("leader", "analyst")


@pytest.mark.parametrize("role", ["operator", "root", "Leader", "leader ", "anonymous", ""])
def test_roles_that_are_none_here_are_ignored(role):
    assert somebody(realm_access={"roles": [role]}).roles == ("public_user",)
    assert somebody(realm_access={"roles": [role, "analyst"]}).roles == ("analyst",)


def test_nobody_is_two_administrators():
    assert somebody(realm_access={"roles": ["auditor", "sysadmin", "leader"]}).roles == ("leader",)
    assert somebody(realm_access={"roles": ["auditor"]}).roles == ("auditor",)


def test_one_value_may_mean_several_and_an_unnamed_one_means_nothing():
    values = {"both": ("leader", "analyst"), "one": "grid_worker"}
    mapping = ClaimsMapping.model_validate({"roles": {"claims": "groups", "values": values}})
    assert somebody(mapping, groups=["both", "leader"]).roles == ("leader", "analyst")
    assert somebody(mapping, groups=["auditor"]).roles == ("public_user",)


def test_of_several_grades_the_lowest_counts_and_the_roles_say_it_without_one():
    assert somebody(grade=[4, "2"]).clearance == 2
    assert somebody(grade="four").clearance == 1
    assert somebody(realm_access={"roles": ["leader"]}).clearance == POLICY.roles["leader"].clearance


@given(st.dictionaries(st.sampled_from(["realm_access", "areas", "dept", "grade", "employee", "name"]), JSON))
def test_any_claims_give_a_subject_with_known_roles_and_bounded_areas(claims):
    subject = somebody(**claims)
    assert set(subject.roles) <= POLICY.roles.keys() - {"operator", "anonymous"}
    assert 1 <= subject.clearance <= 4
    assert all(area == "-" or area.isdigit() for area in subject.areas)
    assert hash(subject) is not None
    given_areas = claims.get("areas")
    texts = given_areas if isinstance(given_areas, list) else [given_areas]
    if any(isinstance(text, str) and 0 < len(text) <= 200 for text in texts):
        assert subject.areas, "areas that cannot be read bind to nothing, never to everything"
