"""Administrators in the browser: each sees and does what his duties are, on pages and by HTTP, and it is recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyotp
import pytest

from layers.database.connection import Role, connect
from layers.identity.tokens import add_token
from layers.policy.read import read_policy
from layers.review.holders import holder_of
from layers.schema.tables import create_layer
from server.feeds.secrets import write_secret
from server.installation import PROJECT
from tests.databases import run_async
from tests.impersonation import Impersonation
from tests.ogc.service import Service
from tests.ogc.things import LAYERS
from tests.server.identity.conftest import DISPATCHER, SHIPPED
from tests.server.test_pages import HTML
from twin.feeds.secret import read_keys

POLICY = read_policy(SHIPPED["folder"])
PAGES = {
    "/status/layers": "layers",
    "/status/rules": "rules",
    "/status/accounts": "users policy",
    "/status/policy": "policy",
    "/status/refused": "quarantine",
}
READ = {"/users": "users policy", "/sessions": "users policy", "/tokens": "users policy", "/layers": "layers"}
LOCAL = "http://localhost"  # passwords and secrets go in clear to this machine alone
ORIGIN = {"origin": LOCAL, "content-type": "application/json"}


SECRET = "a-secret-of-the-tests-of-feeds"


@pytest.fixture(scope="module")
def feeds(tmp_path_factory) -> Path:
    """A copy of the shipped feeds, whose files the tests change."""
    return Path(shutil.copytree(PROJECT / "config" / "feeds", tmp_path_factory.mktemp("feeds") / "feeds"))


@pytest.fixture(scope="module")
def service(served_layers_url: str, feeds: Path) -> Iterator[Service]:
    running = Service(served_layers_url, policy=SHIPPED, feeds={"folder": feeds})
    actors = {role: holder_of(POLICY, role) for role in POLICY.roles}
    running.app.state.shared = replace(running.app.state.shared, authenticator=Impersonation(actors))
    yield running
    running.close()


def write(service: Service, method: str, path: str, actor: str, body: object = None, status: int = 204):
    answer = service.ask(
        LOCAL + path,
        method=method,
        actor=actor,
        headers=ORIGIN,
        content=orjson.dumps(body) if body is not None else None,
    )
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
        service.ask(
            f"{LOCAL}/login", method="POST", headers=ORIGIN, content=orjson.dumps(login), actor=None
        ).status_code
        == 200
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
        ("DELETE", "/layers/x?confirm=x"),
    ):
        assert service.ask(path, method=method, headers=foreign, actor="operator").status_code == 403, path
        for role in ("auditor", "data_steward" if "layers" not in path else "security_admin", "anonymous"):
            assert service.ask(LOCAL + path, method=method, headers=ORIGIN, actor=role).status_code == 403, (path, role)


def test_no_administrator_is_switched_by_another_power(service):
    of = {"system": "sysadmin", "security": "security_admin", "audit": "auditor"}
    for power, role in of.items():
        wanted = {"name": f"of-{power}", "roles": [role]}
        assert write(service, "POST", "/users", "security_admin", wanted, 201).json()["needs_totp"]
        for act in ("disable", "enable"):
            for keeper, own in (("sysadmin", "system"), ("security_admin", "security")):
                write(service, "POST", f"/users/of-{power}/{act}", keeper, status=204 if own == power else 403)
    page = service.ask("/status/accounts", headers=HTML, actor="sysadmin").text
    assert 'data-to="/users/of-system/disable"' in page
    assert 'data-to="/users/of-audit/disable"' not in page
    tried = service.json("/audit", object="user/of-audit", actor="auditor")["records"]
    assert [one["record"]["decision"] for one in reversed(tried)] == ["allow", *["deny"] * 4]


def test_a_code_is_bound_by_security_and_counts_at_the_login(service):
    wanted = {"name": "wu.liu", "roles": ["auditor"]}
    password = write(service, "POST", "/users", "security_admin", wanted, 201).json()["password"]
    write(service, "POST", "/users/wu.liu/totp", "sysadmin", status=403)
    told = write(service, "POST", "/users/wu.liu/totp", "security_admin", status=200)
    assert told.headers["cache-control"] == "no-store"
    code = pyotp.parse_uri(told.json()["uri"]).now()
    login = {"name": "wu.liu", "password": password, "new_password": "Tianhe-Map-2026", "code": code}
    content = orjson.dumps(login)
    assert service.ask(f"{LOCAL}/login", method="POST", headers=ORIGIN, content=content, actor=None).status_code == 200
    write(service, "POST", "/users/wu.liu/totp", "security_admin", status=403)  # who replaced it could log in as him
    assert recorded(service, "user/wu.liu")[:3] == [
        ("security_admin", "add"),
        ("security_admin", "totp"),
        ("security_admin", "totp"),
    ]


def test_a_token_is_made_by_security_alone_and_shown_once(service):
    wanted = {"name": "notebook", "roles": ["street_dispatcher"], "areas": ["440106011"], "days": 3}
    write(service, "POST", "/tokens", "sysadmin", wanted, 403)
    write(service, "POST", "/tokens", "security_admin", {**wanted, "roles": ["sysadmin"]}, 400)
    write(service, "POST", "/tokens", "security_admin", {**wanted, "areas": []}, 400)
    told = write(service, "POST", "/tokens", "security_admin", wanted, 201)
    assert told.headers["cache-control"] == "no-store"
    secret = told.json()["token"]
    assert secret not in service.ask("/tokens", actor="sysadmin").text
    (kept,) = [one for one in service.json("/tokens", actor="sysadmin") if one["name"] == "notebook"]
    assert (kept["areas"], kept["roles"]) == (["440106011"], ["street_dispatcher"])
    write(service, "POST", "/tokens", "security_admin", wanted, 409)
    write(service, "DELETE", "/tokens/notebook", "sysadmin")
    assert recorded(service, "token/notebook")[0] == ("security_admin", "add")


def test_a_feed_is_switched_in_its_file_and_its_secret_replaced(service, feeds):
    home = service.app.state.shared.settings.home
    write_secret(home, "hotline", SECRET)
    for path in ("disable", "enable", "secret"):
        write(service, "POST", f"/twin/feeds/hotline/{path}", "data_steward", {}, 403)
        write(service, "POST", f"/twin/feeds/nothing/{path}", "sysadmin", {}, 404)
    text = (feeds / "hotline.yaml").read_text(encoding="utf-8")
    write(service, "POST", "/twin/feeds/hotline/disable", "sysadmin")
    assert "enabled: false" in (feeds / "hotline.yaml").read_text(encoding="utf-8")
    write(service, "POST", "/twin/feeds/hotline/enable", "sysadmin")
    assert (feeds / "hotline.yaml").read_text(encoding="utf-8") == text.replace(
        "protocol: http\n", "protocol: http\nenabled: true\n", 1
    )
    told = write(service, "POST", "/twin/feeds/hotline/secret", "sysadmin", {"keep_days": 1}, 200)
    assert told.headers["cache-control"] == "no-store"
    keys = read_keys("hotline", home, {}, now=datetime.now(UTC))
    assert keys == (told.json()["secret"].encode(), SECRET.encode())
    write(service, "POST", "/twin/feeds/iot_water/secret", "sysadmin", {}, 409)  # the password of a broker
    assert recorded(service, "feed/hotline") == [
        ("sysadmin", "disable"),
        ("sysadmin", "enable"),
        ("sysadmin", "rotate secret"),
    ]


def test_a_token_is_listed_without_its_secret_and_revoked(service):
    async def make():
        connection = await connect(service.url)
        try:
            return await add_token(connection, "qgis", DISPATCHER, 1)
        finally:
            await connection.close()

    secret = run_async(make())
    answer = service.ask("/tokens", actor="security_admin")
    assert "qgis" in [one["name"] for one in answer.json() if one["revoked_at"] is None]
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
    for layer, confirm, status in (("shops", "shop", 400), ("grids", "grids", 409), ("nothing", "nothing", 404)):
        write(service, "DELETE", f"/layers/{layer}?confirm={confirm}", "data_steward", status=status)
    assert {"shops", "grids"} <= set(service.app.state.shared.catalog.current)
    write(service, "DELETE", "/layers/shops?confirm=shops", "data_steward")
    service.wait(lambda: "shops" not in service.app.state.shared.catalog.current)
    assert recorded(service, "layer/shops") == [("sysadmin", "title"), ("data_steward", "drop")]


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
