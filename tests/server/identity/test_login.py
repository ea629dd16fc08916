"""The login with local accounts, against the real application: right, wrong, too often, and what a session is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

import httpx
import pyotp
import pytest

from layers.identity.accounts import add_account, set_disabled, set_labels, set_totp
from layers.identity.labels import IdentityLabels
from layers.identity.logins import begin_attempt, find_account
from layers.identity.passwords import hash_password
from layers.identity.sessions import revoke_sessions
from server.identity.totp_seal import TotpSeal
from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from tests.server.identity.conftest import DISPATCHER, OPERATING, in_database

PASSWORD = "Tianhe-Map-2026"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HASHED = hash_password(PASSWORD)
WRONG = "Wrong-Password-1"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def url(cluster, template):
    with temporary_database(cluster, template) as made:
        yield made


@pytest.fixture(scope="module")
def workers(url):
    """Two workers on one database, behind a gateway of this machine that names each client's address."""
    with ExitStack() as running:
        serving = []
        for _ in range(2):
            home = Path(running.enter_context(TemporaryDirectory(prefix="onemap-home-")))
            settings = load_settings(
                home=home,
                database={"url": url},
                server={"proxies": ["127.0.0.1/32"]},
                identity={"plain_http": True},
            )
            serving.append(running.enter_context(running_app(settings)))
        yield serving


@pytest.fixture
def address(workers):
    return workers[0]


@pytest.fixture
def account(url):
    """Return a function that adds an account with the password of these tests, and returns its name."""

    def add(labels=OPERATING, **how):
        name = f"user{next(_NUMBERS)}"
        in_database(url, lambda c: add_account(c, name, labels, **{"password_hash": HASHED, **how}))
        return name

    return add


def browser(address, near=None):
    """A browser at an address of its own."""
    near = near or f"10.0.{next(_NUMBERS)}.1"
    return httpx.Client(base_url=address, headers={"Origin": address, "X-Forwarded-For": near}, timeout=60)


def log_in(client, name, password=PASSWORD, **more):
    return client.post("/login", json={"name": name, "password": password, **more})


def cookie_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]


def who(client):
    return client.get("/session").json()["account"]


def test_a_login_opens_a_session_and_a_logout_ends_it(address, account):
    name = account()
    with browser(address) as client:
        assert who(client) is None
        answer = log_in(client, name)
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("onemap=")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        found = who(client)
        assert (found["name"], found["roles"], found["method"]) == (name, ["operator"], "password")
        assert client.get("/metrics").status_code == 200
        value = client.cookies["onemap"]
        assert client.post("/logout").status_code == 200
        assert who(client) is None
    old = {"Cookie": f"onemap={value}"}
    for path, accept, status, is_cleared in (
        ("/map.json", "application/json", 401, False),  # a script asks: whatever it asks next must say so too
        ("/metrics", "text/html", 401, True),
        ("/", "text/html", 200, False),  # its script asks for the session
        ("/session", "*/*", 200, True),
    ):
        ended = httpx.get(f"{address}{path}", headers=old | {"Accept": accept})
        assert (ended.status_code, "Max-Age=0" in ended.headers.get("set-cookie", "")) == (status, is_cleared), path
    assert httpx.get(f"{address}/session", headers=old).json()["ended"] is True


def test_a_form_works_as_json_does(address, account):
    name = account()
    with browser(address) as client:
        assert client.post("/login", data={"account": name.upper(), "password": PASSWORD}).status_code == 200
        assert who(client)["id"] == f"account:{name}"


def test_whatever_is_wrong_the_answer_is_the_same(address, account, url):
    known, gone, empty = account(), account(), account(password_hash=None)
    in_database(url, lambda connection: set_disabled(connection, gone, disabled=True))
    with browser(address) as client:
        names = ("nobody", "not a name", gone, empty)
        answers = [log_in(client, known, WRONG), *(log_in(client, name) for name in names)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_an_account_of_a_demo_is_for_this_machine_alone(address, account):
    """This server hears other machines, so nobody logs in with an account of a demo, from wherever."""
    with browser(address) as client:
        assert log_in(client, account(demo=True)).status_code == 401
        assert client.post("/login/demo", json={"role": "operator"}).status_code == 404
        assert client.get("/session").json()["demo"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "chen.yi", "password": "x" * 10_000}, 400),
        ({"name": "chen.yi", "password": "x" * 100_000}, 413),
        ({"name": "chen.yi"}, 400),
        ({"name": "chen.yi", "password": PASSWORD, "admin": True}, 400),
        ([], 400),
        ("text", 400),
    ],
)
def test_bad_input_is_refused_and_not_repeated(address, body, status):
    with browser(address) as client:
        answer = client.post("/login", json=body)
    assert (answer.status_code, PASSWORD in answer.text) == (status, False)


def test_five_failures_lock_the_address_and_only_for_that_account(address, account):
    name, other = account(), account()
    with browser(address) as client:
        assert [log_in(client, name, WRONG).status_code for _ in range(6)] == [401] * 5 + [429]
        locked = log_in(client, name)
        assert locked.status_code == 429
        assert 1 <= int(locked.headers["retry-after"]) <= 601
        assert log_in(client, other).status_code == 200
    with browser(address) as elsewhere:
        assert log_in(elsewhere, name).status_code == 200


def test_many_attempts_at_once_are_counted_one_by_one(workers, account):
    name, near = account(), "10.77.0.1"

    def guess(number):
        with browser(workers[number % 2], near) as client:
            return log_in(client, name, f"{WRONG}{number}").status_code

    with ThreadPoolExecutor(12) as pool:
        answers = sorted(pool.map(guess, range(12)))
    assert answers == [401] * 5 + [429] * 7


def test_a_crowd_of_addresses_does_not_lock_the_usual_desk(address, account, url):
    name = account()

    async def guess(connection):
        for number in range(20):
            await begin_attempt(connection, name, f"10.98.0.{number}", time())

    def attempt(near, password):
        with browser(address, near) as client:
            return log_in(client, name, password).status_code

    assert attempt("10.99.9.9", PASSWORD) == 200
    in_database(url, guess)
    assert attempt("10.97.1.1", PASSWORD) == 429, "a new address waits its half minute"
    assert attempt("10.99.9.9", PASSWORD) == 200


def test_a_session_has_a_new_id_and_the_one_before_is_gone(address, account):
    name = account()
    with browser(address) as client:
        planted = "A" * 43
        client.cookies.set("onemap", planted)
        first = cookie_of(log_in(client, name))
        client.cookies.clear()
        client.cookies.set("onemap", first)
        second = cookie_of(log_in(client, name))
        assert len({planted, first, second}) == 3
    for dead in (planted, first):
        assert httpx.get(f"{address}/metrics", headers={"Cookie": f"onemap={dead}"}).status_code == 401
    assert httpx.get(f"{address}/metrics", headers={"Cookie": f"onemap={second}"}).status_code == 200


def test_a_cookie_changes_nothing_for_other_pages(address, account):
    with browser(address) as client:
        cookie = {"Cookie": f"onemap={cookie_of(log_in(client, account()))}"}
    discard, evil = f"{address}/twin/refused/1/discard", {"Origin": "http://evil.test"}
    assert httpx.post(discard, headers=cookie).status_code == 403, "no Origin"
    assert httpx.post(discard, headers={**cookie, **evil}).status_code == 403
    assert httpx.post(discard, headers={**cookie, "Origin": address}).status_code == 404, "ours; no such message"
    assert httpx.get(f"{address}/metrics", headers={**cookie, **evil}).status_code == 403
    form = {"name": "a", "password": "b"}
    assert httpx.post(f"{address}/login", data=form, headers=evil).status_code == 403


def test_a_code_is_needed_and_counts_once(address, account, url):
    name = account(IdentityLabels(("auditor",)))
    with browser(address) as client:
        assert log_in(client, name).status_code == 403, "the role needs a code, and the account has none"
        in_database(url, lambda connection: set_totp(connection, name, SECRET))
        wanted = log_in(client, name)
        assert (wanted.status_code, wanted.json()["parameter"]) == (401, "code")
        code = pyotp.TOTP(SECRET).at(time() + 30)  # the next one is accepted, and does not age during the test
        assert log_in(client, name, code=code).status_code == 200
        assert who(client)["method"] == "password+totp"
        assert log_in(client, name, code=code).status_code == 401, "a code counts once"
        stored = in_database(url, lambda connection: find_account(connection, name)).totp_secret
        assert SECRET not in stored, "it is sealed by its first use"
        assert TotpSeal.is_sealed(stored)
        later = pyotp.TOTP(SECRET).at(time() + 60)
        wrong = log_in(client, name, code=later if later != code else "000000")
        assert wrong.status_code == 401, "and opened again: two steps ahead is not accepted"


def test_a_first_password_must_be_changed(address, account):
    name, wanted = account(must_change=True), "Another-Map-2027"
    with browser(address) as client:
        assert log_in(client, name).status_code == 409
        assert log_in(client, name, new_password="short").status_code == 400
        assert log_in(client, name, new_password=wanted).status_code == 200
        assert log_in(client, name).status_code == 401
        assert log_in(client, name, wanted).status_code == 200


def test_revoking_reaches_every_worker_and_roles_change_at_once(workers, account, url):
    name = account()
    with browser(workers[0]) as client:
        cookie = {"Cookie": f"onemap={cookie_of(log_in(client, name))}"}

    def become(wanted):
        statuses = (
            [httpx.get(f"{worker}/metrics", headers=cookie).status_code for worker in workers] for _ in range(200)
        )
        return any(found == [wanted] * 2 for found in statuses)

    assert become(200)
    in_database(url, lambda connection: set_labels(connection, name, DISPATCHER))
    assert become(403)
    in_database(url, lambda connection: set_labels(connection, name, OPERATING))
    assert become(200)
    assert in_database(url, lambda connection: revoke_sessions(connection, name)) == 1
    assert become(401)


def test_a_password_does_not_cross_a_network_in_clear(url, tmp_path, account):
    name = account()
    settings = load_settings(home=tmp_path, database={"url": url}, server={"proxies": ["127.0.0.1/32"]})
    with running_app(settings) as address, browser(address) as client:
        assert log_in(client, name).status_code == 403
        secure = {"X-Forwarded-Proto": "https", "Origin": address.replace("http:", "https:")}
        answer = client.post("/login", json={"name": name, "password": PASSWORD}, headers=secure)
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("__Host-onemap=")
    assert answer.headers["set-cookie"].endswith("; Secure")


def test_logins_are_recorded_with_the_session_and_failures_without_what_was_typed(address, account, url):
    name = account()
    typed = "a-password-in-the-wrong-field"
    assert httpx.post(f"{address}/login", json={"name": typed, "password": WRONG}).status_code == 401
    session = httpx.post(f"{address}/login", json={"name": name, "password": PASSWORD}).json()["session"]

    async def read(connection):
        await connection.execute("SET ROLE onemap_auditor")
        return await connection.fetch(
            "SELECT body::jsonb ->> 'decision', body FROM audit.record ORDER BY seq DESC LIMIT 2"
        )

    entered, failed = in_database(url, read)
    assert (entered[0], failed[0]) == ("allow", "deny")
    assert f'"session":"{session}"' in entered[1]
    assert typed not in failed[1]
