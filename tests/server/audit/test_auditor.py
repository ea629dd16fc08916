"""`/audit`: for auditors alone, and reading it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from layers.actor import Actor
from layers.policy.read import read_policy
from server.installation import PROJECT
from tests.impersonation import Impersonation
from tests.ogc.service import Service
from tests.ogc.things import ACTORS
from tests.server.audit.conftest import Records

ROLES = ("auditor", "sysadmin", "security_admin", "operator", "leader")


@pytest.fixture
def roles(service: Service) -> Iterator[Service]:
    policy = read_policy(PROJECT / "config" / "policy")
    actors = {role: Actor(role, 4, roles=(role,), policy=policy) for role in ROLES}
    shared = service.app.state.shared
    service.app.state.shared = replace(shared, authenticator=Impersonation({**ACTORS, **actors}))
    yield service
    service.app.state.shared = shared


def test_an_auditor_reads_what_was_done_page_by_page(roles: Service, records: Records):
    for _ in range(5):
        roles.ask("collections/points/items", actor="masked", f="csv")
    records()
    first = roles.json("/audit?action=export&subject=masked&object=points&limit=3&decision=mask", actor="auditor")
    rest = roles.json(f"/audit?action=export&subject=masked&limit=3&before={first['next']}", actor="auditor")
    numbers = [record["seq"] for page in (first, rest) for record in page["records"]]
    assert len(numbers) >= 5
    assert numbers == sorted(numbers, reverse=True)
    assert first["records"][0]["record"]["row_count"] > 0
    assert len(first["records"][0]["hash"]) == 64


def test_reading_the_audit_is_recorded(roles: Service, records: Records):
    roles.json("/audit?chain=general&limit=1", actor="auditor")
    (record,) = records()
    assert (record["action"], record["object"], record["subject_id"]) == ("admin", "audit/general", "auditor")
    assert record["detail"] == {"chain": "general", "limit": "1"}


@pytest.mark.parametrize("actor", [*(role for role in ROLES if role != "auditor"), "anonymous", "street", None])
def test_nobody_else_reads_it(roles: Service, actor: str | None):
    assert roles.ask("/audit", actor=actor).status_code == 403


@pytest.mark.parametrize(
    "query", ["from=yesterday", "limit=0", "limit=1001", "chain=x", "action=x", "before=-1", "x=1"]
)
def test_bad_parameters_are_explained(roles: Service, query: str):
    answer = roles.ask(f"/audit?{query}", actor="auditor")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text
