"""Tests that a token of the real provider counts, and no forged, foreign, stale or broken one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from time import time
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from joserfc import jwk, jws

from layers.errors import Unauthenticated
from server.identity.oidc import providers as module
from server.identity.oidc.providers import Providers
from tests.oidc.provider import AUDIENCE, SERVICE, RunningProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
def claims(provider: RunningProvider) -> Callable[..., dict[str, Any]]:
    """Return claims that are accepted, with changes; None removes a claim."""

    def made(**changes: Any) -> dict[str, Any]:
        now = int(time())
        right = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "li", "iat": now, "exp": now + 300} | changes
        return {name: value for name, value in right.items() if value is not None}

    return made


def segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def refused(providers: Providers, token: str | bytes) -> str:
    """Return the reason of a refusal; it repeats nothing that the token says."""
    with pytest.raises(Unauthenticated) as caught:
        await providers.verify(token.encode() if isinstance(token, str) else token)
    assert "sub-of-nobody-else" not in caught.value.message
    return caught.value.message


async def test_a_token_as_the_provider_gives_it_is_accepted(providers, provider):
    claimed = await providers.verify(provider.token().encode())
    assert (claimed.id, claimed.roles) == (f"district:{SERVICE}", ())


async def test_claims_become_roles_areas_departments_grade_and_attributes(providers, provider, claims):
    given = claims(
        name="李四",
        realm={"roles": ["dispatch", "unheard-of", "auditor"]},
        areas=["440106011", "all"],
        dept="水务局",
        grade=3,
        employee="W007",
    )
    claimed = await providers.verify(provider.sign(given).encode())
    assert claimed.name == "李四"
    assert claimed.roles == ("street_dispatcher",), "a role that the mapping does not name is none"
    assert (claimed.areas, claimed.departments, claimed.clearance) == (("440106011",), ("water",), 3)
    assert claimed.attributes == {"worker_id": "W007"}


async def test_areas_that_are_no_codes_grant_no_area_instead_of_all(providers, provider, claims):
    claimed = await providers.verify(provider.sign(claims(areas=["everything", "%"])).encode())
    assert claimed.areas == ("-",)


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
async def test_other_allowed_algorithms_count(providers, provider, claims, alg):
    provider.control("rotate", keep=True, alg=alg)
    assert (await providers.verify(provider.sign(claims()).encode())).subject == "li"
    provider.control("rotate")


WRONG = {
    "expired": {"exp": -31},
    "expired long ago": {"exp": -86_400},
    "of the future by iat": {"iat": 90},
    "not yet valid": {"nbf": 90},
    "valid for centuries": {"exp": 10**12},
}


@pytest.mark.parametrize("name", WRONG)
async def test_times_out_of_bounds_are_refused(providers, provider, claims, name):
    changes = {key: int(time()) + offset for key, offset in WRONG[name].items()}
    await refused(providers, provider.sign(claims(**changes)))


async def test_clocks_may_differ_by_the_skew_and_no_more(providers, provider, claims):
    now = int(time())
    for changes in ({"exp": now - 20}, {"nbf": now + 25, "iat": now + 25}):
        assert (await providers.verify(provider.sign(claims(**changes)).encode())).subject == "li"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "urn:somebody:else"},
        {"aud": []},
        {"aud": None},
        {"aud": {"x": AUDIENCE}},
        {"iss": "https://id.example.org"},
        {"iss": None},
        {"iss": 7},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"nbf": "now"},
        {"nonce": "n", "sub": "sub-of-nobody-else"},
        {"at_hash": "h"},
        {"typ": "ID"},
        {"typ": "Refresh"},
    ],
    ids=str,
)
async def test_claims_of_others_or_broken_ones_are_refused(providers, provider, claims, changes):
    await refused(providers, provider.sign(claims(**changes)))


async def test_an_audience_among_several_counts(providers, provider, claims):
    assert (await providers.verify(provider.sign(claims(aud=["account", AUDIENCE])).encode())).subject == "li"


async def test_programs_that_may_bring_tokens_can_be_named(write, provider, claims):
    providers = Providers(write(clients=["qgis"]), skew_s=30)
    assert (await providers.verify(provider.sign(claims(azp="qgis")).encode())).subject == "li"
    for other in ({"azp": "game"}, {"client_id": "game"}, {}):
        assert "azp" in await refused(providers, provider.sign(claims(**other)))
    await providers.close()


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "x"])
async def test_tokens_of_another_type_are_refused(providers, provider, claims, kind):
    assert "type" in await refused(providers, provider.sign(claims(), typ=kind))


async def test_an_extension_that_must_be_understood_is_refused(providers, provider, claims):
    token = provider.sign(claims(), crit=["urn:x"], **{"urn:x": 1})
    assert "signature" in await refused(providers, token), "joserfc refuses it in the same breath"
    assert (await providers.verify(provider.sign(claims(), **{"urn:x": 1}).encode())).subject == "li", "others may stay"


async def test_no_algorithm_none_and_no_public_key_as_a_secret(providers, provider, claims):
    """The classic forgeries: no signature, and HMAC with the provider's public key as the secret."""
    public = provider.control("jwks")["keys"][0]
    pem = jwk.import_key(public).as_pem(private=False)
    for algorithm in ("none", "None", "nOnE", "NONE"):
        await refused(providers, f"{segment({'alg': algorithm, 'kid': public['kid']})}.{segment(claims())}.")
    for secret in (pem, pem.strip(), json.dumps(public).encode()):
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            signed = f"{segment({'alg': algorithm, 'kid': public['kid'], 'typ': 'JWT'})}.{segment(claims())}"
            mac = hmac.new(secret, signed.encode(), digest).digest()
            assert "algorithm" in await refused(providers, f"{signed}.{segment(mac)}")


async def test_a_key_in_the_token_itself_or_at_its_address_counts_for_nothing(providers, provider, claims):
    """`jwk`, `jku` and `x5u` in the header are the forger's own: they are neither believed nor fetched."""
    key = jwk.RSAKey.generate_key(2048)
    kid = provider.control("jwks")["keys"][0]["kid"]
    before = provider.control("requests").get("/forged", 0)
    for header in (
        {"jwk": key.as_dict(private=False)},
        {"jku": f"{provider.issuer}/forged"},
        {"x5u": f"{provider.issuer}/forged"},
    ):
        for name in (kid, "forged"):
            token = jws.serialize_compact({"alg": "RS256", "kid": name, **header}, json.dumps(claims()), key)
            await refused(providers, token)
    assert provider.control("requests").get("/forged", 0) == before


async def test_a_changed_byte_anywhere_is_refused(providers, provider):
    token = provider.token()
    for place in range(0, len(token) - 2, 29):  # the bits of the last letter are not all used
        other = "A" if token[place] != "A" else "B"
        await refused(providers, token[:place] + other + token[place + 1 :])


async def test_a_token_above_the_limit_is_refused_before_it_is_read(providers, provider, claims):
    token = provider.sign(claims(padding="x" * 8_200))
    assert "8192 bytes" in await refused(providers, token)


@hypothesis.given(token=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@hypothesis.settings(max_examples=60)
async def test_anything_else_is_refused_in_words(token: bytes):
    with pytest.raises(Unauthenticated, match="no signed JWT"):
        module._unchecked_issuer(token)  # the first thing that reads a stranger's bytes


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b.c",
        "eyJhbGciOiJSUzI1NiJ9..",
        f"{segment([])}.{segment({})}.x",
        f"{segment({'alg': 7})}.{segment({'iss': 'x'})}.x",
        f"{segment({'alg': 'RS256'})}.{segment([])}.x",
        f"{segment({'alg': 'RS256'})}.{segment('[' * 5000)}.x",
        f"{segment({'alg': 'RS256'})}.{segment(b'[' * 5000)}.x",
        f"{segment(b'{' * 900)}.{segment({'iss': 'x'})}.x",
        "é.é.é",
    ],
)
async def test_malformed_tokens_are_refused(providers, token):
    await refused(providers, token)


async def test_a_token_that_was_seen_costs_microseconds_and_expires_all_the_same(
    providers, provider, claims, monkeypatch
):
    token = provider.sign(claims()).encode()
    first = await providers.verify(token)
    assert providers.known(token) is first
    later = time() + 331
    monkeypatch.setattr("server.identity.oidc.token_cache.time", lambda: later)
    assert providers.known(token) is None
