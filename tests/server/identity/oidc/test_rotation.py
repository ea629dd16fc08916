"""Tests that keys rotate, and what counts while the provider is down, slow or broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import pytest
import yaml

from layers.errors import Unauthenticated, Unavailable
from server.identity.oidc import documents, signing_keys
from server.identity.oidc import provider as provider_module
from server.identity.oidc.providers import Providers
from tests.oidc.provider import AUDIENCE, RunningProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
def fresh(provider: RunningProvider) -> Callable[..., bytes]:
    """Return a new token, signed by the newest key, that no cache has seen."""
    number = iter(range(1000))

    def made(**header: Any) -> bytes:
        now = int(time())
        claims = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "li", "iat": now, "exp": now + 300}
        return provider.sign(claims | {"jti": str(next(number))}, **header).encode()

    return made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the pauses between two look-ups."""
    monkeypatch.setattr(signing_keys, "PAUSE_S", 0.0)
    monkeypatch.setattr(signing_keys, "RETRY_S", 0.0)
    monkeypatch.setattr(provider_module, "PAUSE_S", 0.0)


async def test_an_unknown_key_is_looked_up_once(providers, provider, fresh, monkeypatch):
    await providers.verify(fresh())
    fetched = provider.key_requests()
    provider.control("rotate", keep=True)
    monkeypatch.setattr(signing_keys, "PAUSE_S", 0.0)
    assert (await providers.verify(fresh())).subject == "li"
    assert provider.key_requests() == fetched + 1
    await providers.verify(fresh())
    assert provider.key_requests() == fetched + 1


async def test_invented_key_ids_do_not_flood_the_provider(providers, provider, fresh):
    await providers.verify(fresh())
    fetched = provider.key_requests()
    answers = await asyncio.gather(
        *(providers.verify(fresh(kid=f"invented-{n}")) for n in range(30)), return_exceptions=True
    )
    assert all(isinstance(answer, Unauthenticated) for answer in answers)
    assert provider.key_requests() == fetched


async def test_many_first_requests_share_one_look_up(providers, provider, fresh):
    fetched = provider.key_requests()
    await asyncio.gather(*(providers.verify(fresh()) for _ in range(20)))
    assert provider.key_requests() == fetched + 1


async def test_a_withdrawn_key_counts_no_longer_not_even_for_a_token_seen(providers, provider, fresh, hasty):
    seen = fresh()
    await providers.verify(seen)
    provider.control("rotate", keep=False)
    await providers.verify(fresh())  # the look-up that shows it
    assert providers.known(seen) is None
    with pytest.raises(Unauthenticated, match="key"):
        await providers.verify(seen)


async def test_old_keys_are_read_again_behind_the_back_of_requests(providers, provider, fresh, hasty, monkeypatch):
    await providers.verify(fresh())
    fetched = provider.key_requests()
    monkeypatch.setattr(signing_keys, "FRESH_S", 0.0)
    await providers.verify(fresh())
    keys = providers.named("district").keys
    await asyncio.gather(keys._renewal)  # the task that the request did not wait for
    assert provider.key_requests() == fetched + 1


@pytest.mark.parametrize("behaviour", ["dead", "broken", "slow"])
async def test_known_keys_go_on_while_the_provider_is_away(providers, provider, fresh, hasty, monkeypatch, behaviour):
    monkeypatch.setattr(documents, "WAIT_S", 0.2)
    await providers.verify(fresh())
    token, unknown = fresh(), fresh(kid="key-of-tomorrow")
    provider.control("behave", behaviour=behaviour, wait_ms=3000)
    assert (await providers.verify(token)).subject == "li"
    with pytest.raises(Unavailable, match="does not answer"):
        await providers.verify(unknown)
    provider.control("behave", behaviour="answer")
    with pytest.raises(Unauthenticated, match="key"):
        await providers.verify(unknown)


async def test_a_provider_that_was_never_reached_is_a_clear_fault_and_is_tried_again(providers, provider, fresh, hasty):
    token = fresh()
    provider.control("behave", behaviour="dead")
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await providers.verify(token)
        assert provider.issuer not in caught.value.message
    provider.control("behave", behaviour="answer")
    assert (await providers.verify(token)).subject == "li"


async def test_keys_and_discovery_of_files_need_no_network(write, provider, fresh, tmp_path):
    """A closed network: the documents were carried over, the provider is never asked."""
    keys, discovery = tmp_path / "jwks.json", tmp_path / "discovery.json"
    keys.write_text(json.dumps(provider.control("jwks")))
    discovery.write_text(json.dumps({"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/jwks"}))
    token, before = fresh(), provider.control("requests")
    providers = Providers(write(discovery=str(discovery), jwks=str(keys)), skew_s=30)
    assert (await providers.verify(token)).subject == "li"
    assert provider.control("requests") == before
    await providers.close()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://somebody.example", "jwks_uri": "{issuer}/jwks"},
        {"issuer": "{issuer}", "jwks_uri": "http://169.254.169.254/latest/meta-data"},
        {"issuer": "{issuer}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{issuer}", "jwks_uri": "/etc/passwd"},
        {"issuer": "{issuer}", "jwks_uri": ["{issuer}/jwks"]},
        {"issuer": "{issuer}"},
        [],
    ],
    ids=str,
)
async def test_a_discovery_document_cannot_send_us_elsewhere(write, provider, fresh, tmp_path, document):
    discovery = tmp_path / "discovery.json"
    discovery.write_text(json.dumps(document).replace("{issuer}", provider.issuer))
    providers = Providers(write(discovery=str(discovery)), skew_s=30)
    with pytest.raises(Unavailable):
        await providers.verify(fresh())
    await providers.close()


async def test_only_good_public_keys_for_signatures_count(write, provider, fresh, tmp_path):
    right = provider.control("jwks")["keys"][0]
    keys = tmp_path / "jwks.json"
    bad = [
        {**right, "use": "enc"},
        {**right, "alg": "RS512"},
        {**right, "key_ops": ["encrypt"]},
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": right["kid"]},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": right["kid"]},
        {"kty": "RSA", "kid": right["kid"]},
        {"kid": right["kid"]},
        "no key",
    ]
    for entry in bad:
        keys.write_text(json.dumps({"keys": [entry]}))
        providers = Providers(write(jwks=str(keys)), skew_s=30)
        with pytest.raises(Unauthenticated, match="key"):
            await providers.verify(fresh())
        await providers.close()


async def test_a_changed_file_counts_without_a_restart_and_a_broken_one_changes_nothing(
    providers, provider, fresh, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("server.identity.oidc.providers._LOOK_S", 0.0)
    token = fresh()
    await providers.verify(token)
    file = tmp_path / "district.yaml"
    right = yaml.safe_load(file.read_text())
    file.write_text("name: district\nissuer: [")
    assert (await providers.verify(token)).subject == "li"
    file.write_text(yaml.safe_dump(right | {"audiences": ["urn:somebody:else:altogether"]}))
    with pytest.raises(Unauthenticated, match="aud"):
        await providers.verify(token)
    file.unlink()
    with pytest.raises(Unauthenticated, match="issuer"):
        await providers.verify(token)
