"""Tests of a login at the real provider: code with PKCE, state, nonce; what is replayed, foreign or forged; refresh."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import BadInput, NotFound, Unauthenticated, Unavailable
from server.identity.oidc.attempt import AttemptSeal
from server.identity.oidc.browser_logins import BrowserLogins
from server.identity.oidc.next_path import safe_next
from server.identity.oidc.providers import Providers
from server.identity.oidc.token_seal import TokenSeal
from server.identity.oidc.tokens import EndedGrant, exchange_code, refresh
from tests.oidc.provider import CLIENT_SECRET, RunningProvider, running_provider
from tests.oidc.visitor import log_in_at, parameters_of

pytestmark = pytest.mark.anyio
OURS = "http://127.0.0.1:1/login/oidc/district/callback"  # nobody listens there: the tests read the address alone
LI = {"name": "李四", "onemap": {"roles": ["dispatch"], "areas": ["440106011"]}}
CLAIMS = {
    "roles": {"claims": "onemap.roles", "values": {"dispatch": "street_dispatcher"}},
    "areas": {"claims": "onemap.areas"},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider({"li": LI, "wang": {"name": "王五"}}, redirects=(OURS,)) as running:
        yield running


@pytest.fixture
async def logins(write: Callable[..., Path], provider: RunningProvider) -> AsyncIterator[BrowserLogins]:
    provider.control("behave", behaviour="answer")
    provider.control("account", id="li", claims=LI)
    scopes = ["openid", "profile", "offline_access"]
    providers = Providers(write(claims=CLAIMS, scopes=scopes, client_secret="oidc"), skew_s=30)
    yield BrowserLogins(providers, AttemptSeal(b"k" * 32), lambda _: CLIENT_SECRET)
    await providers.close()


async def answered(logins: BrowserLogins, login: str = "li", next_path: str = "/") -> tuple[dict[str, str], str]:
    """Log in at the provider, and return the parameters of its answer and our cookie."""
    there, cookie = await logins.begin("district", OURS, next_path)
    return parameters_of(log_in_at(there, login, OURS)), cookie


async def test_a_login_tells_who_somebody_is_and_where_the_page_was(logins):
    answer, cookie = await answered(logins, next_path="/ogc?f=html")
    granted, attempt = await logins.finish("district", cookie, answer)
    assert attempt.next_path == "/ogc?f=html"
    assert (granted.claimed.id, granted.claimed.name) == ("district:li", "李四")
    assert (granted.claimed.roles, granted.claimed.areas) == (("street_dispatcher",), ("440106011",))
    assert granted.refresh_token


async def test_what_is_asked_is_a_code_with_pkce_state_and_nonce(logins):
    there, cookie = await logins.begin("district", OURS, "/")
    asked, again = parameters_of(there), parameters_of((await logins.begin("district", OURS, "/"))[0])
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert "response_mode" not in asked
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) >= 43, "256 bits"
        assert asked[name] != again[name]
        assert asked[name] not in cookie, "the cookie is sealed"


async def test_a_code_counts_once(logins):
    answer, cookie = await answered(logins)
    await logins.finish("district", cookie, answer)
    with pytest.raises(EndedGrant, match="used before"):
        await logins.finish("district", cookie, answer)


async def test_an_answer_of_another_browser_is_refused(logins):
    """Login CSRF: an attacker sends his own answer to a victim, whose map would then be the attacker's."""
    answer, cookie = await answered(logins)
    _, of_victim = await logins.begin("district", OURS, "/")
    for foreign in (of_victim, None, "", cookie[:-4] + "AAAA", "a.b.c.d.e", "x" * 5000):
        with pytest.raises(BadInput, match="no login of this browser"):
            await logins.finish("district", foreign, answer)
    granted, _ = await logins.finish("district", cookie, answer)
    assert granted.claimed.subject == "li", "a refused answer uses nothing up"


async def test_an_answer_that_was_changed_is_refused(logins):
    answer, cookie = await answered(logins)
    for changes, kind in (
        ({"state": answer["state"] + "x"}, BadInput),
        ({"state": ""}, BadInput),
        ({"state": "ü" * 9000}, BadInput),
        ({"iss": "https://somebody.example"}, BadInput),
        ({"error": "access_denied", "error_description": "<script>"}, Unauthenticated),
        ({"code": ""}, Unauthenticated),
        ({"code": "x" * 9000}, Unauthenticated),
    ):
        with pytest.raises(kind) as caught:
            await logins.finish("district", cookie, answer | changes)
        assert "script" not in caught.value.message
    with pytest.raises(BadInput, match="was asked"):  # the provider promises to name itself
        await logins.finish("district", cookie, {name: value for name, value in answer.items() if name != "iss"})


async def test_a_login_ends_after_ten_minutes(logins, monkeypatch):
    answer, cookie = await answered(logins)
    later = time() + 601
    monkeypatch.setattr("server.identity.oidc.attempt.time", lambda: later)
    with pytest.raises(BadInput, match="ten minutes"):
        await logins.finish("district", cookie, answer)


async def test_a_code_without_its_verifier_or_with_another_nonce_counts_for_nothing(logins):
    """Whoever catches a code on its way cannot use it, nor slip an ID token of another login in."""
    provider = logins.providers.named("district")
    answer, cookie = await answered(logins)
    with pytest.raises(EndedGrant):
        await exchange_code(provider, CLIENT_SECRET, answer["code"], "v" * 43, OURS, nonce="n", skew_s=30)
    answer, cookie = await answered(logins)
    attempt = logins._seal.open(cookie)
    with pytest.raises(Unauthenticated, match="nonce"):
        await exchange_code(provider, CLIENT_SECRET, answer["code"], attempt.verifier, OURS, nonce="n", skew_s=30)


async def test_a_wrong_client_secret_is_the_servers_fault(logins):
    provider = logins.providers.named("district")
    answer, cookie = await answered(logins)
    attempt = logins._seal.open(cookie)
    with pytest.raises(Unavailable, match="administrator"):
        await exchange_code(provider, "wrong", answer["code"], attempt.verifier, OURS, nonce=attempt.nonce, skew_s=30)


async def test_refresh_tokens_rotate_and_tell_what_has_changed(logins, provider):
    answer, cookie = await answered(logins)
    first, _ = await logins.finish("district", cookie, answer)
    there = logins.providers.named("district")
    provider.control("account", id="li", claims=LI | {"onemap": {"roles": [], "areas": ["440106012"]}})
    second = await refresh(there, CLIENT_SECRET, first.refresh_token, subject="li", skew_s=30)
    assert (second.claimed.roles, second.claimed.areas) == ((), ("440106012",))
    assert second.refresh_token != first.refresh_token
    with pytest.raises(EndedGrant):  # the old one again: the provider takes it for stolen and ends the grant
        await refresh(there, CLIENT_SECRET, first.refresh_token, subject="li", skew_s=30)
    with pytest.raises(EndedGrant):
        await refresh(there, CLIENT_SECRET, second.refresh_token, subject="li", skew_s=30)


async def test_a_refresh_for_somebody_else_ends_the_grant(logins):
    answer, cookie = await answered(logins)
    granted, _ = await logins.finish("district", cookie, answer)
    there = logins.providers.named("district")
    with pytest.raises(EndedGrant, match="somebody else"):
        await refresh(there, CLIENT_SECRET, granted.refresh_token, subject="wang", skew_s=30)


async def test_a_provider_that_is_away_is_a_clear_fault(logins, provider):
    answer, cookie = await answered(logins)
    provider.control("behave", behaviour="dead")
    with pytest.raises(Unavailable) as caught:
        await logins.finish("district", cookie, answer)
    assert provider.issuer not in caught.value.message


async def test_user_info_is_read_where_the_file_says_so(write, provider):
    provider.control("behave", behaviour="answer")
    providers = Providers(write(claims=CLAIMS, userinfo=True, client_secret="oidc"), skew_s=30)
    logins = BrowserLogins(providers, AttemptSeal(b"k" * 32), lambda _: CLIENT_SECRET)
    answer, cookie = await answered(logins)
    before = provider.control("requests").get("/me", 0)
    await logins.finish("district", cookie, answer)
    assert provider.control("requests")["/me"] == before + 1
    await providers.close()


async def test_a_provider_of_tokens_alone_logs_nobody_in(write):
    providers = Providers(write(login=False), skew_s=30)
    logins = BrowserLogins(providers, AttemptSeal(b"k" * 32), lambda _: None)
    for name in ("district", "unheard_of"):
        with pytest.raises(NotFound):
            await logins.begin(name, OURS, "/")
    await providers.close()


ELSEWHERE = [
    *(
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "evil.example",
    ),
    *("/\t/evil.example", "/\n/evil.example", " //evil.example", "/ /evil.example", "javascript:alert(1)", "", None),
    *("/" + "x" * 1000, "//[", "/路", "/x\x00", "/login?next=/", "/logout", "/\u2028/evil.example"),
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_no_link_leads_elsewhere_after_a_login(path):
    assert safe_next(path) == "/"


@given(st.text(alphabet="/\\.:@?#%evil \t\n\x00", max_size=20))
def test_the_next_path_begins_with_exactly_one_slash(path):
    found = safe_next(path)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found.isprintable()


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/ogc/collections/grids/items?f=html&limit=5", "/?lang=en#15/23.1/113.3"]
)
def test_paths_of_ours_are_kept(path):
    assert safe_next(path) == path


def test_kept_tokens_need_the_client_secret():
    sealed = TokenSeal("a secret").seal("refresh", "id")
    assert sealed
    assert "refresh" not in sealed
    assert TokenSeal("a secret").open(sealed) == ("refresh", "id")
    assert TokenSeal("another secret").open(sealed) == (None, None)
    assert TokenSeal("a secret").open("broken") == (None, None)
    assert TokenSeal(None).seal("refresh", "id") is None
