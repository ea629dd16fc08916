"""A stated purpose is one that the policy knows; it reaches the actor, and made-up ones reach nothing."""

from __future__ import annotations

import pytest

from layers.errors import BadInput
from layers.policy.definition import PolicyRole, PolicyRule
from layers.policy.policy import Policy
from server.identity.auth import Authenticator
from server.identity.subject import AuthMethod, Subject

RULE = PolicyRule(id="views", roles=("leader",), layers=("video_points",), purposes=("flood",))
POLICY = Policy([PolicyRole(id="leader", title_zh="领导", title_en="Leader", clearance=3)], [RULE])
LEADER = Subject("account:a", "a", ("leader",), clearance=4, method=AuthMethod.PASSWORD)


def test_a_purpose_of_the_policy_reaches_the_actor():
    authenticator = Authenticator(policy=lambda: POLICY)
    assert authenticator.identity(LEADER, "flood").actor.purpose == "flood"
    assert authenticator.identity(LEADER).actor.purpose is None
    assert authenticator.identity(LEADER).actor.clearance == 3, "the role sees no further than the policy says"


@pytest.mark.parametrize("policy", [POLICY, None])
def test_a_made_up_purpose_is_refused(policy):
    with pytest.raises(BadInput, match="X-Purpose"):
        Authenticator(policy=lambda: policy).identity(LEADER, "curiosity")


def test_the_purpose_of_a_session_counts_as_long_as_the_policy_knows_it():
    session = Subject("account:a", "a", ("leader",), clearance=3, method=AuthMethod.PASSWORD, purpose="flood")
    assert Authenticator(policy=lambda: POLICY).identity(session).actor.purpose == "flood"
    assert Authenticator(policy=lambda: Policy(POLICY.roles.values(), [])).identity(session).actor.purpose is None
