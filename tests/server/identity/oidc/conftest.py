from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.identity.oidc.providers import Providers
from tests.oidc.provider import AUDIENCE, RunningProvider, running_provider

CLAIMS = {
    "name": {"claims": "name"},
    "roles": {"claims": ["realm.roles"], "values": {"dispatch": "street_dispatcher", "grid": "grid_worker"}},
    "areas": {"claims": "areas"},
    "departments": {"claims": "dept", "values": {"水务局": "water"}},
    "clearance": {"claims": "grade"},
    "attributes": {"worker_id": {"claims": "employee"}},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def write(tmp_path: Path, provider: RunningProvider) -> Callable[..., Path]:
    """Write the file of the provider, with changes, and return its folder."""

    def written(name: str = "district", **changes: Any) -> Path:
        given = {
            "name": name,
            "title_zh": "区统一身份认证",
            "title_en": "District",
            "issuer": provider.issuer,
            "client_id": "onemap-page",
            "audiences": [AUDIENCE],
            "algorithms": ["RS256", "ES256", "EdDSA"],
            "claims": CLAIMS,
            **changes,
        }
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({key: value for key, value in given.items() if value is not None}))
        return tmp_path

    return written


@pytest.fixture
async def providers(write: Callable[..., Path], provider: RunningProvider) -> AsyncIterator[Providers]:
    """The providers of a worker that has just started; the real provider answers."""
    provider.control("behave", behaviour="answer")
    made = Providers(write(), skew_s=30)
    yield made
    await made.close()
