"""Tests of the running server: what a token of the provider opens, and how a bad one is answered."""

from __future__ import annotations

from collections.abc import Iterator
from time import time

import httpx
import pytest

from server.identity.oidc import signing_keys
from server.settings import load_settings
from tests.oidc.provider import AUDIENCE, RunningProvider
from tests.running_app import running_app
from tests.server.identity.oidc.conftest import write_provider


@pytest.fixture(scope="module")
def address(
    served_layers_url: str, provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = write_provider(tmp_path_factory.mktemp("oidc"), provider.issuer)
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, database={"url": served_layers_url}, oidc={"folder": str(folder)})
    with running_app(settings) as running:
        yield running


@pytest.fixture
def ask(address: str, provider: RunningProvider) -> Iterator[httpx.Client]:
    provider.control("behave", behaviour="answer")
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def claims(issuer: str, **changes):
    return {"iss": issuer, "aud": AUDIENCE, "sub": "li", "exp": int(time()) + 300} | changes


@pytest.mark.parametrize(
    "path", ["/map.json", "/ogc/collections?f=json", "/tiles/districts/12/3338/1776.mvt", "/health"]
)
def test_a_good_token_opens_and_a_bad_one_is_never_taken_for_a_stranger(ask, provider, path):
    assert ask.get(path, headers=bearer(provider.token())).status_code in {200, 204}
    for token in (
        provider.sign(claims(provider.issuer, aud="urn:others")),
        provider.sign(claims(provider.issuer, exp=int(time()) - 60)),
        provider.sign(claims("https://id.example.org")),
        "eyJhbGciOiJub25lIn0.e30.",
        "ey.ey.ey",
    ):
        answer = ask.get(path, headers=bearer(token))
        assert answer.status_code == 401, answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        kind = "application/json" if path.startswith("/ogc") else "application/problem+json"
        assert answer.headers["Content-Type"] == kind
        said = answer.text
        assert not any(
            part in said for part in (provider.issuer, "urn:others", "id.example.org", "Traceback", token[:40])
        )


def test_a_provider_that_is_away_is_503_with_a_time_to_come_back(ask, provider, monkeypatch):
    monkeypatch.setattr(signing_keys, "PAUSE_S", 0.0)
    monkeypatch.setattr(signing_keys, "RETRY_S", 0.0)
    provider.control("rotate", keep=True)
    token = provider.token()  # of a key that the server does not know yet
    provider.control("behave", behaviour="dead")
    answer = ask.get("/map.json", headers=bearer(token))
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert provider.issuer not in answer.text
    assert ask.get("/map.json").status_code == 200, "strangers are served all the same"
    provider.control("behave", behaviour="answer")
    assert ask.get("/map.json", headers=bearer(token)).status_code == 200


def test_a_token_counts_as_the_password_of_basic_auth_too(ask, provider):
    """QGIS and GDAL know user names and passwords."""
    assert ask.get("/map.json", auth=("anything", provider.token())).status_code == 200
    assert ask.get("/map.json", auth=("anything", provider.token()[:-8] + "AAAAAAAA")).status_code == 401
