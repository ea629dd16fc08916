"""Access tokens against the real application: every form in which they come, and every way in which they end."""

from __future__ import annotations

from base64 import b64encode
from time import monotonic

import httpx
import pytest

from layers.identity.tokens import list_tokens, revoke_token
from server.settings import load_settings
from tests.running_app import running_app
from tests.server.identity.conftest import in_database


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def basic(token, user="anything"):
    return {"Authorization": f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"}


@pytest.fixture
def two_workers(database_url, live_server):
    """Two processes' worth of the application on one database."""
    return live_server(database_url), live_server(database_url)


def status(address, headers):
    return httpx.get(f"{address}/metrics", headers=headers).status_code


def until(address, headers, wanted):
    """Return the seconds until a worker answers with a status; a worker that never does fails the test."""
    began = monotonic()
    while (got := status(address, headers)) != wanted:
        assert monotonic() - began < 20, f"still {got}"
    return monotonic() - began


def test_a_token_counts_as_bearer_and_as_the_password_of_basic(two_workers, new_token):
    address, _ = two_workers
    token = new_token()
    assert status(address, {}) == 403
    assert {status(address, how(token)) for how in (bearer, basic)} == {200}
    assert status(address, basic(token, user="")) == 200
    assert status(address, {"Authorization": f"bEaReR   {token}"}) == 200


NO_TOKENS = (
    "Bearer",
    "Bearer om_",
    f"Bearer om_{'x' * 43}",
    f"Bearer om_{'x' * 44}",
    f"Bearer om_{'x' * 60_000}",
    "Basic ???",
    f"Basic {b64encode(b'nocolon').decode()}",
    "Negotiate abc",
    "Bearer \xff\xfe",
    "Bearer a.b.c",
)


def test_what_is_no_valid_token_is_refused_and_never_anonymous(two_workers, new_token):
    address, _ = two_workers
    new_token()
    for value in NO_TOKENS:
        answer = httpx.get(f"{address}/ogc/collections", headers={"Authorization": value.encode("latin-1")})
        assert answer.status_code == 401, (value[:50], answer.text)
        assert answer.headers["www-authenticate"].startswith("Bearer"), value[:50]


def test_a_revoked_token_ends_in_every_worker(two_workers, new_token, database_url):
    token = new_token()
    assert [status(address, bearer(token)) for address in two_workers] == [200, 200], "both workers keep it now"
    in_database(database_url, lambda connection: revoke_token(connection, "reader"))
    assert max(until(address, bearer(token), 401) for address in two_workers) < 5


def test_replacing_a_token_ends_the_one_before(two_workers, new_token):
    address, _ = two_workers
    before = new_token()
    assert status(address, bearer(before)) == 200
    after = new_token(replace=True)
    assert status(address, bearer(after)) == 200
    until(address, bearer(before), 401)


def test_the_last_use_is_noted_and_no_secret_is_stored(database_url, tmp_path, new_token):
    token = new_token()
    settings = load_settings(home=tmp_path, database={"url": database_url})
    with running_app(settings) as address:
        assert status(address, bearer(token)) == 200
    (listed,) = in_database(database_url, list_tokens)
    assert (listed.name, listed.last_used_at is None) == ("reader", False)
    stored = in_database(
        database_url, lambda connection: connection.fetchval("SELECT t::text FROM identity.access_token t")
    )
    assert token not in stored
