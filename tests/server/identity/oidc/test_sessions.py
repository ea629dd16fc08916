"""Tests of the whole way of a browser: login at the real provider, session, renewal, logout; over HTTP and PostGIS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest

from layers.database.connection import connect
from layers.schema.tables import sync_definitions
from server.identity.oidc import renewals
from server.settings import load_settings
from tests.databases import execute, run_async, temporary_database
from tests.oidc.provider import CLIENT_SECRET, running_provider
from tests.oidc.visitor import log_in_at, parameters_of
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_app
from tests.server.identity.oidc.conftest import write_provider

LI = {"name": "李四", "onemap": {"roles": ["dispatch"], "areas": ["440106011"], "grade": 3}}
CLAIMS = {
    "roles": {"claims": "onemap.roles", "values": {"dispatch": "street_dispatcher"}},
    "areas": {"claims": "onemap.areas"},
    "clearance": {"claims": "onemap.grade"},
}
HTML = {"Accept": "text/html"}
COOKIE = "onemap"


@pytest.fixture(scope="module")
def here(cluster, template, tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A server with a provider at which people log in; one database for all tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = f"http://127.0.0.1:{port}"
    redirects = (f"{ours}/login/oidc/district/callback",)
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("oidc")
    (home / "secrets").mkdir(mode=0o700)
    secret = home / "secrets" / "oidc_district"
    secret.touch(0o600)
    secret.write_text(CLIENT_SECRET)
    with (
        temporary_database(cluster, template) as url,
        running_provider({"li": LI}, redirects, (f"{ours}/",)) as provider,
    ):
        run_async(sync_definitions(url))
        scopes = ["openid", "profile", "offline_access"]
        write_provider(folder, provider.issuer, claims=CLAIMS, scopes=scopes, client_secret="oidc_district")
        settings = load_settings(
            home=home, database={"url": url}, oidc={"folder": str(folder)}, policy={"folder": SHIPPED_POLICY}
        )
        with running_app(settings, port=port) as address:
            assert address == ours
            yield SimpleNamespace(address=address, provider=provider, url=url)


@pytest.fixture
def browser(here) -> Iterator[httpx.Client]:
    """A browser that follows no redirect by itself."""
    here.provider.control("behave", behaviour="answer")
    here.provider.control("account", id="li", claims=LI)
    with httpx.Client(base_url=here.address, timeout=60, trust_env=False) as client:
        yield client


def begin(browser: httpx.Client, next_path: str = "/") -> str:
    """Begin a login, and return the address at the provider."""
    answer = browser.get("/login/oidc/district", params={"next": next_path})
    assert answer.status_code == 303
    return answer.headers["Location"]


def log_in(browser: httpx.Client, here, next_path: str = "/") -> httpx.Response:
    """Log in, and return our answer to the provider's."""
    back = log_in_at(begin(browser, next_path), "li", here.address)
    return browser.get(back)


def seen_by(browser: httpx.Client) -> set[str]:
    """Return the layers that the browser sees."""
    return {layer["id"] for layer in browser.get("/map.json").json()["layers"]}


def test_a_login_opens_a_session_and_leads_back(browser, here):
    public = seen_by(browser)
    answer = log_in(browser, here, "/docs?x=1")
    assert answer.status_code == 303
    assert str(answer.next_request.url) == f"{here.address}/docs?x=1"
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(f"{COOKIE}="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "onemap-login" not in browser.cookies, "the login in progress is over"
    assert seen_by(browser) > public
    assert "private" in browser.get("/map.json").headers["Cache-Control"]
    assert "Cookie" in browser.get("/map.json").headers["Vary"]


@pytest.mark.parametrize(
    "next_path", ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example"]
)
def test_no_link_leads_elsewhere_through_a_login(browser, here, next_path):
    answer = log_in(browser, here, next_path)
    assert str(answer.next_request.url).startswith(f"{here.address}/")
    page = browser.get("/login", params={"next": next_path}).text
    assert "evil" not in page or 'data-next="/%09/evil.example"' in page


def test_the_page_escapes_where_it_leads(browser):
    page = browser.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page


def test_an_answer_counts_once_and_in_its_own_browser(browser, here):
    back = log_in_at(begin(browser), "li", here.address)
    with httpx.Client(base_url=here.address, timeout=60, trust_env=False) as other:
        stolen = other.get(back)
        assert (stolen.status_code, stolen.headers["Content-Type"]) == (400, "application/problem+json")
        assert COOKIE not in other.cookies
        begin(other)  # login CSRF: the victim has a login of his own in progress
        assert other.get(back).status_code == 400
    kept = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    with httpx.Client(base_url=here.address, timeout=60, trust_env=False, cookies=kept) as again:
        assert again.get(back).status_code == 401, "the provider has seen the code before"
        assert COOKIE not in again.cookies


def test_people_are_led_back_to_the_login_with_a_word(browser, here):
    answer = browser.get("/login/oidc/district/callback?state=x&code=y", headers=HTML)
    assert (answer.status_code, str(answer.next_request.url)) == (303, f"{here.address}/login?fault=state")
    answer = browser.get("/login/oidc/unheard_of", headers=HTML)
    assert str(answer.next_request.url) == f"{here.address}/login?fault=unknown"
    there = begin(browser)
    state = parameters_of(there)["state"]
    here.provider.control("behave", behaviour="dead")
    back = "/login/oidc/district/callback"
    answer = browser.get(back, params={"state": state, "code": "y", "iss": here.provider.issuer}, headers=HTML)
    assert str(answer.next_request.url) == f"{here.address}/login?fault=away"
    refused = browser.get(
        back, params={"state": state, "error": "access_denied", "iss": here.provider.issuer}, headers=HTML
    )
    assert str(refused.next_request.url) == f"{here.address}/login?fault=refused"


def test_a_session_cannot_be_planted(browser, here):
    """Session fixation: a cookie that was there before the login is worth nothing after it."""
    log_in(browser, here)
    first = browser.cookies[COOKIE]
    log_in(browser, here)
    assert browser.cookies[COOKIE] != first
    with httpx.Client(base_url=here.address, timeout=60, trust_env=False, cookies={COOKIE: first}) as attacker:
        assert attacker.get("/map.json").status_code == 401, "the session before has ended"


async def fetch(url: str, sql: str) -> list:
    connection = await connect(url)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


def grants(here) -> list:
    return run_async(fetch(here.url, "SELECT provider, subject, sealed, renew_at FROM identity.session_grant"))


def test_tokens_are_kept_sealed(browser, here):
    log_in(browser, here)
    kept = grants(here)[-1]
    assert (kept["provider"], kept["subject"]) == ("district", "li")
    assert kept["sealed"].count(".") == 4, "encrypted (JWE)"
    assert CLIENT_SECRET not in str(kept)


def test_what_the_provider_says_later_counts_and_who_is_dismissed_is_out(browser, here, monkeypatch):
    monkeypatch.setattr(renewals, "LOOK_S", 0.0)
    log_in(browser, here)
    due = "UPDATE identity.session_grant SET renew_at = now()"
    here.provider.control("account", id="li", claims=LI | {"name": "李四（调离）", "onemap": {"roles": []}})
    run_async(execute(here.url, due))
    newest = "SELECT subject ->> 'name' AS name, ended_at FROM identity.session ORDER BY created_at DESC LIMIT 1"

    def after_requests(wanted) -> bool:
        """Ask until the renewal, which runs behind the requests, has come to its end."""
        for _ in range(200):
            browser.get("/health")
            if wanted(run_async(fetch(here.url, newest))[0]):
                return True
        return False

    assert after_requests(lambda row: row["name"] == "李四（调离）")
    here.provider.control("account", id="li", claims={"gone": True})
    run_async(execute(here.url, due))
    assert after_requests(lambda row: row["ended_at"] is not None)
    assert browser.get("/map.json").status_code == 401


def test_a_session_goes_on_while_the_provider_is_away(browser, here, monkeypatch):
    monkeypatch.setattr(renewals, "LOOK_S", 0.0)
    log_in(browser, here)
    here.provider.control("behave", behaviour="dead")
    run_async(execute(here.url, "UPDATE identity.session_grant SET renew_at = now()"))
    for _ in range(5):
        assert browser.get("/map.json").status_code == 200


def test_a_token_becomes_a_session_and_a_session_becomes_no_longer_one(browser, here):
    assert browser.post("/login/token").status_code == 401
    assert browser.post("/login/token", headers={"Authorization": "Bearer wrong"}).status_code == 401
    token = here.provider.token()
    assert browser.post("/login/token", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert browser.cookies[COOKIE]
    own_page = {"Origin": here.address}
    assert browser.post("/login/token", headers=own_page).status_code == 401, "a session cannot prolong itself"


def test_the_ways_to_log_in_tell_no_secret(browser):
    assert browser.get("/login/ways").json() == [
        {"name": "district", "title_zh": "区统一身份认证", "title_en": "District"}
    ]
