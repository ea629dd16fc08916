"""Administrators in the browser: each sees and does what his duties are, on pages and by HTTP, and it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest

from layers.database.connection import Role, connect
from layers.identity.tokens import add_token
from layers.policy.read import read_policy
from layers.review.holders import holder_of
from layers.schema.tables import create_layer
from tests.databases import run_async
from tests.impersonation import Impersonation
from tests.ogc.service import Service
from tests.ogc.things import LAYERS
from tests.server.identity.conftest import DISPATCHER, SHIPPED
from tests.server.test_pages import HTML

POLICY = read_policy(SHIPPED["folder"])
PAGES = {
    "/status/layers": "layers",
    "/status/rules": "rules",
    "/status/accounts": "users policy",
    "/status/policy": "policy",
    "/status/refused": "quarantine",
}
READ = {"/users": "users policy", "/sessions": "users policy", "/tokens": "users policy", "/layers": "layers"}
ORIGIN = {"origin": "http://map.test", "content-type": "application/json"}


@pytest.fixture(scope="module")
def service(served_layers_url: str) -> Iterator[Service]:
    running = Service(served_layers_url, policy=SHIPPED)
    actors = {role: holder_of(POLICY, role) for role in POLICY.roles}
    running.app.state.shared = replace(running.app.state.shared, authenticator=Impersonation(actors))
    yield running
    running.close()


def write(service: Service, method: str, path: str, actor: str, body: object = None, status: int = 204):
    answer = service.ask(path, method=method, actor=actor, headers=ORIGIN, content=orjson.dumps(body) if body else None)
    assert answer.status_code == status, (path, answer.text)
    return answer


def recorded(service: Service, thing: str) -> list[tuple[str, str]]:
    """Return who did what to a thing, in order, as an auditor reads it."""
    records = service.json("/audit", object=thing, actor="auditor")["records"]
    return [(one["record"]["subject_id"], one["record"]["detail"]["operation"]) for one in reversed(records)]


def test_each_page_and_list_opens_for_its_duties_alone(service):
    for path, duties in {**PAGES, **READ}.items():
        may = {role for role, about in POLICY.roles.items() if set(duties.split()) & set(about.duties)}
        assert may
        for role in POLICY.roles:
            answer = service.ask(path, headers=HTML, actor=role)
            assert answer.status_code == (200 if role in may else 403), (path, role)
            if role in may and path in PAGES:
                tabs = {one for one in PAGES if f'href="http://map.test{one}?' in answer.text}
                assert tabs == {
                    one for one, wanted in PAGES.items() if set(wanted.split()) & set(POLICY.roles[role].duties)
                }
                assert answer.headers["cache-control"] == "private, no-store"


def test_an_account_is_added_once_by_security_and_switched_off_by_the_system(service):
    wanted = {"name": "Chen.Yi", "title": "陈一", "roles": ["street_dispatcher"], "areas": ["440106011"]}
    write(service, "POST", "/users", "sysadmin", wanted, 403)
    write(service, "POST", "/users", "security_admin", {**wanted, "roles": ["auditor", "operator"]}, 400)
    assert service.json("/users", actor="sysadmin") == []
    told = write(service, "POST", "/users", "security_admin", wanted, 201)
    assert told.headers["cache-control"] == "no-store"
    added = told.json()
    assert (added["name"], added["needs_totp"]) == ("chen.yi", False)
    page = service.ask("/status/accounts", headers=HTML, actor="security_admin").text
    assert "陈一" in page
    assert added["password"] not in page + service.ask("/users", actor="sysadmin").text
    write(service, "POST", "/users", "security_admin", wanted, 409)
    (one,) = service.json("/users", actor="sysadmin")
    assert (one["must_change"], one["disabled"], one["clearance"], one["failures"]) == (True, False, 4, 0)
    login = {"name": "chen.yi", "password": added["password"], "new_password": "Tianhe-Map-2026"}
    assert (
        service.ask("/login", method="POST", headers=ORIGIN, content=orjson.dumps(login), actor=None).status_code == 200
    )
    (session,) = service.json("/sessions?account=chen.yi", actor="sysadmin")
    write(service, "DELETE", f"/sessions/{session['id']}", "sysadmin", status=200)
    assert service.json("/sessions", actor="sysadmin") == []
    write(service, "POST", "/users/chen.yi/disable", "sysadmin")
    assert service.json("/users", actor="security_admin")[0]["disabled"]
    write(service, "POST", "/users/chen.yi/enable", "security_admin")
    write(service, "POST", "/users/nobody/disable", "sysadmin", status=404)
    done = [("security_admin", "add"), ("security_admin", "add"), ("sysadmin", "disable"), ("security_admin", "enable")]
    assert recorded(service, "user/chen.yi") == done


def test_no_other_page_and_no_duty_of_others_acts(service):
    foreign = {**ORIGIN, "origin": "http://elsewhere.test"}
    for method, path in (
        ("POST", "/users/x/disable"),
        ("DELETE", "/sessions/x"),
        ("DELETE", "/tokens/x"),
        ("PATCH", "/layers/x"),
    ):
        assert service.ask(path, method=method, headers=foreign, actor="operator").status_code == 403, path
        for role in ("auditor", "data_steward" if "layers" not in path else "security_admin", "anonymous"):
            assert service.ask(path, method=method, headers=ORIGIN, actor=role).status_code == 403, (path, role)


def test_a_token_is_listed_without_its_secret_and_revoked(service):
    async def make():
        connection = await connect(service.url)
        try:
            return await add_token(connection, "qgis", DISPATCHER, 1)
        finally:
            await connection.close()

    secret = run_async(make())
    answer = service.ask("/tokens", actor="security_admin")
    assert [one["name"] for one in answer.json()] == ["qgis"]
    assert secret not in answer.text
    write(service, "DELETE", "/tokens/qgis", "security_admin")
    write(service, "DELETE", "/tokens/qgis", "security_admin", status=404)
    page = service.ask("/status/accounts", headers=HTML, actor="sysadmin").text
    assert "已吊销" in page
    assert 'data-to="/tokens/qgis"' not in page


def test_a_layer_of_a_file_is_titled_and_a_declared_one_is_not(service):
    async def make():
        connection = await connect(service.url, Role.OWNER)
        try:
            await create_layer(connection, LAYERS[0].model_copy(update={"id": "shops"}))
        finally:
            await connection.close()

    run_async(make())
    service.wait(lambda: "shops" in service.app.state.shared.catalog.current)
    declared = {one["id"]: one["declared"] for one in service.json("/layers", actor="data_steward")}
    assert (declared["shops"], declared["grids"]) == (False, True)
    write(service, "PATCH", "/layers/grids", "sysadmin", {"title_zh": "格"}, 409)
    write(service, "PATCH", "/layers/shops", "sysadmin", {"grade": 1}, 400)
    write(service, "PATCH", "/layers/shops", "sysadmin", {"title_zh": "<b>商铺</b>", "group_zh": "民生"}, 200)
    service.wait(lambda: service.app.state.shared.catalog.current["shops"].definition.map.group_zh == "民生")
    page = service.ask("/status/layers", headers=HTML, actor="data_steward").text
    assert "&lt;b&gt;商铺&lt;/b&gt;" in page
    assert "<b>商铺" not in page
    service.ask("/layers/shops", method="DELETE", headers=ORIGIN, actor="sysadmin")
    assert "shops" in service.app.state.shared.catalog.current, "tables are changed at the command line"
    assert recorded(service, "layer/shops") == [("sysadmin", "title")]


def test_the_policy_is_explained_as_the_command_explains_it_and_tells_no_value(service):
    def explained(**asked):
        return service.ask("/status/policy", headers=HTML, actor="security_admin", **asked)

    text = explained(role="grid_worker", areas="440106011001001", layer="grid_workers").text
    assert "grid_workers" in text
    assert "hour" in text or "phone" in text or "name" in text
    assert "须有辖区" in explained(role="street_dispatcher", layer="events").text
    assert explained(role="nobody").status_code == 400
    assert explained(role="leader", id="x").status_code == 400
    assert explained(role="leader", layer="events", id="none").status_code == 404
    service.execute(
        "INSERT INTO layer.grids (id, name, data_grade) VALUES ('A1', 'a name of its own', 1) ON CONFLICT DO NOTHING"
    )
    found = explained(role="leader", layer="grids", id="A1")
    assert found.status_code == 200
    assert "a name of its own" not in found.text
    assert ("security_admin", "explain") in recorded(service, "grids/A1")
