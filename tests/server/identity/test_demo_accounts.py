"""Accounts of the demo: one a role, for this machine alone, with passwords that are shown once."""

from __future__ import annotations

import httpx
import pytest

from layers.database.connection import connect
from layers.demo.accounts import make_demo_accounts
from layers.policy.read import read_policy
from server.settings import load_settings
from tests.databases import run_async, temporary_database
from tests.running_app import running_app
from tests.server.identity.conftest import SHIPPED

ROLES = {
    *("grid_worker", "community_officer", "street_dispatcher", "district_dispatcher", "department_officer"),
    *("leader", "analyst", "data_steward", "monitor", "sysadmin", "security_admin", "auditor"),
}


@pytest.fixture(scope="module")
def made(cluster, district_template):
    """The database of a demo, and a function that makes its accounts."""
    roles = read_policy(SHIPPED["folder"]).roles
    with temporary_database(cluster, district_template) as url:

        async def make(**how):
            connection = await connect(url)
            try:
                return await make_demo_accounts(connection, roles, **how)
            finally:
                await connection.close()

        yield url, lambda **how: run_async(make(**how))


@pytest.fixture(scope="module")
def accounts(made):
    """The accounts by role, with their passwords."""
    return {one.labels.roles[0]: one for one in made[1]()}


@pytest.fixture(scope="module")
def address(made, accounts, tmp_path_factory):
    settings = load_settings(home=tmp_path_factory.mktemp("home"), database={"url": made[0]}, policy=SHIPPED)
    with running_app(settings) as found:
        yield found


def test_there_is_one_account_a_role_and_it_is_bound_to_its_place(accounts):
    assert set(accounts) == ROLES
    worker, officer, dispatcher = (
        accounts[role].labels for role in ("grid_worker", "community_officer", "street_dispatcher")
    )
    assert worker.areas[0].startswith(officer.areas[0])
    assert officer.areas[0].startswith(dispatcher.areas[0])
    assert worker.attributes["worker_id"]
    assert accounts["department_officer"].labels.departments == ("water",)


def test_a_click_is_enough_on_this_machine(address):
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=60) as client:
        assert set(client.get("/session").json()["demo"]) == ROLES
        for role in ("grid_worker", "auditor"):
            assert client.post("/login/demo", json={"role": role}).status_code == 200
            account = client.get("/session").json()["account"]
            assert (account["roles"], account["method"]) == ([role], "demo")
            assert account["role_titles"][0]["title_zh"]
        assert client.post("/login/demo", json={"role": "operator"}).status_code == 404


FOREIGN = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "192.0.2.1",
    "[::2]",
    "",
    "127.0.0.1@evil.example",
)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_page_whose_name_leads_here_logs_nobody_in(address, host):
    """DNS rebinding: the browser of this machine asks us in the name of a foreign page, and says so in Host."""
    named = f"{host}:{httpx.URL(address).port}"
    with httpx.Client(base_url=address, headers={"Host": named, "Origin": f"http://{named}"}, timeout=60) as client:
        assert client.get("/session").json()["demo"] == []
        refused = client.post("/login/demo", json={"role": "leader"})
        assert refused.status_code in {403, 404}
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "map.localhost", "LOCALHOST"])
def test_names_of_this_machine_are_its_own(address, host):
    named = f"{host}:{httpx.URL(address).port}"
    with httpx.Client(base_url=address, headers={"Host": named, "Origin": f"http://{named}"}, timeout=60) as client:
        assert client.post("/login/demo", json={"role": "leader"}).status_code == 200
    with httpx.Client(base_url=address, headers={"Host": named, "Origin": "http://evil.example"}, timeout=60) as client:
        assert client.post("/login/demo", json={"role": "leader"}).status_code in {403, 404}


def test_a_proxy_of_this_machine_makes_nobody_local(address):
    headers = {"Origin": address, "X-Forwarded-For": "203.0.113.7"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        assert client.get("/session").json()["demo"] == []
        assert client.post("/login/demo", json={"role": "leader"}).status_code == 404


def test_passwords_work_until_they_are_reset(address, made, accounts):
    def log_in(one):
        body = {"name": one.name, "password": one.password}
        return httpx.post(f"{address}/login", json=body, headers={"Origin": address}, timeout=60).status_code

    before = accounts["auditor"]
    assert log_in(before) == 200, "no one-time code in a demo"
    assert made[1]() == [], "they are made once"
    after = {one.labels.roles[0]: one for one in made[1](reset=True)}["auditor"]
    assert (log_in(before), log_in(after)) == (401, 200)


def test_a_monitor_reads_how_it_goes_and_nothing_else(address):
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=60) as client:
        public = client.get("/map.json?only=counts").json() | {"structure": ""}
        assert client.post("/login/demo", json={"role": "monitor"}).status_code == 200
        assert "onemap_feed" in client.get("/metrics").text
        assert client.get("/health").json()["troubles"] is not None
        assert client.get("/twin/rules").json()["unsaid"] == 0
        assert client.get("/map.json?only=counts").json() | {"structure": ""} == public
        for closed in ("/audit", "/policy", "/twin/refused", "/twin/outlets", "/users"):
            assert client.get(closed).status_code == 403, closed
