"""Secrets that are replaced: for a while two are valid, and one delivery counts once under either."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.database.connection import Role, create_pool
from layers.errors import BadInput, Conflict, Unauthenticated, Unavailable
from server.feeds.secrets import make_secret, rotate_secret, write_secret
from tests.twin.feeds.feeds import CONFIG, feed
from twin.connectors.protocols import read_registry
from twin.feeds.seal import Sealer
from twin.feeds.secret import read_keys
from twin.feeds.signature import sign
from twin.intake.signatures import SignatureChecks

NAME = "hotline"
WEEK = timedelta(days=7)
PUSHED = sorted(name for name, one in read_registry(CONFIG).by_name.items() if one.is_pushed and one.secret)


@given(keep=st.lists(st.integers(0, 3).map(lambda days: timedelta(days=days)), min_size=1, max_size=5))
def test_the_newest_counts_and_the_one_before_it_until_its_date(tmp_path_factory, keep):
    home = tmp_path_factory.mktemp("home")
    write_secret(home, NAME)
    made = [*read_keys(NAME, home, {}, now=datetime.now(UTC))]
    for one in keep:
        rotate_secret(home, NAME, one)
        made.append(read_keys(NAME, home, {}, now=datetime.now(UTC))[0])
    assert len(set(made)) == len(made)
    now = datetime.now(UTC)
    expected = (made[-1], made[-2]) if keep[-1] > timedelta(0) else (made[-1],)
    assert read_keys(NAME, home, {}, now=now) == expected
    assert read_keys(NAME, home, {}, now=now + keep[-1]) == (made[-1],)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (home / "secrets").iterdir())


def test_what_cannot_be_rotated_is_refused_in_words(tmp_path, monkeypatch):
    with pytest.raises(Unavailable, match="no secret 'hotline'"):
        rotate_secret(tmp_path, NAME, WEEK)
    monkeypatch.setenv("ONEMAP_SECRET_HOTLINE", "x" * 32)
    with pytest.raises(BadInput, match="ONEMAP_SECRET_HOTLINE"):
        rotate_secret(tmp_path, NAME, WEEK)


def test_an_old_secret_that_others_read_or_without_a_date_is_refused(tmp_path):
    write_secret(tmp_path, NAME)
    rotate_secret(tmp_path, NAME, WEEK)
    old = tmp_path / "secrets" / f"{NAME}.old"
    old.chmod(0o644)
    with pytest.raises(Conflict, match="chmod 600"):
        read_keys(NAME, tmp_path, {}, now=datetime.now(UTC))
    old.chmod(0o600)
    old.write_text("soon\n" + "x" * 32)
    with pytest.raises(Unavailable, match="no time"):
        read_keys(NAME, tmp_path, {}, now=datetime.now(UTC))


def test_the_environment_has_both(tmp_path):
    environment = {"ONEMAP_SECRET_HOTLINE": "n" * 32, "ONEMAP_OLD_SECRET_HOTLINE": "o" * 32}
    assert read_keys(NAME, tmp_path, environment, now=datetime.now(UTC)) == (b"n" * 32, b"o" * 32)


def test_a_webhook_secret_stays_one_when_it_is_replaced(tmp_path):
    write_secret(tmp_path, "hook", make_secret(for_webhooks=True))
    rotate_secret(tmp_path, "hook", WEEK)
    assert all(key.startswith(b"whsec_") for key in read_keys("hook", tmp_path, {}, now=datetime.now(UTC)))


@pytest.fixture
async def checks(database_url, tmp_path):
    pool = await create_pool(database_url, Role.INGEST, size=1)
    yield SignatureChecks(tmp_path, pool)
    await pool.close()


@pytest.mark.anyio
@pytest.mark.parametrize("name", PUSHED)
async def test_every_pushed_feed_takes_either_secret_once_and_no_third(checks, tmp_path, name):
    """The signature stands before the decoder, so that a replay is refused in every format."""
    definition, now, body = feed(name), datetime.now(UTC), b"a body of any format"
    write_secret(tmp_path, definition.secret)
    (oldest,) = read_keys(definition.secret, tmp_path, {}, now=now)
    rotate_secret(tmp_path, definition.secret, WEEK)
    rotate_secret(tmp_path, definition.secret, WEEK)
    for key in read_keys(definition.secret, tmp_path, {}, now=now):
        for attributes in ({}, {"ce-id": "1", "content-type": "application/json"}):
            headers = sign(key, name, body, now=now, nonce=secrets.token_hex(16), headers=attributes) | attributes
            await checks.check(definition, headers, body, now)
            with pytest.raises(Unauthenticated, match="used before"):
                await checks.check(definition, headers, body, now)
            for tampered in (attributes | {"ce-id": "2"}, attributes | {"content-type": "text/xml", "ce-id": "1"}):
                with pytest.raises(Unauthenticated):
                    await checks.check(definition, headers | tampered, body, now)
        opening = Sealer(key, name, now=now, nonce=secrets.token_hex(16)).headers()
        assert await checks.open(definition, opening, now)
        with pytest.raises(Unauthenticated, match="used before"):
            await checks.open(definition, opening, now)
    with pytest.raises(Unauthenticated, match="not the HMAC"):
        await checks.check(definition, sign(oldest, name, body, now=now, nonce=secrets.token_hex(16)), body, now)


@pytest.mark.anyio
async def test_a_sender_with_a_token_need_not_sign_but_may_not_sign_wrongly(checks, tmp_path):
    definition, now = feed("hotline"), datetime.now(UTC)
    write_secret(tmp_path, definition.secret)
    await checks.check(definition, {}, b"", now, proven=True)
    with pytest.raises(Unauthenticated):
        await checks.check(definition, {}, b"", now)
    with pytest.raises(Unauthenticated):
        await checks.check(definition, sign(b"x" * 32, "hotline", b"", now=now, nonce="n" * 20), b"", now, proven=True)
