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


def write_provider(folder: Path, issuer: str, name: str = "district", **changes: Any) -> Path:
    """Write the file of a provider, with changes (None removes a setting), and return its folder."""
    given = {
        "name": name,
        "title_zh": "区统一身份认证",
        "title_en": "District",
        "issuer": issuer,
        "client_id": "onemap-page",
        "audiences": [AUDIENCE],
        "algorithms": ["RS256", "ES256", "EdDSA"],
        "claims": CLAIMS,
        **changes,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in given.items() if value is not None}))
    return folder


@pytest.fixture
def write(tmp_path: Path, provider: RunningProvider) -> Callable[..., Path]:
    """Write the file of the provider of this module: ``write(audiences=[...])``."""
    return lambda **changes: write_provider(tmp_path, provider.issuer, **changes)


@pytest.fixture
async def providers(write: Callable[..., Path], provider: RunningProvider) -> AsyncIterator[Providers]:
    """The providers of a worker that has just started; the real provider answers."""
    provider.control("behave", behaviour="answer")
    made = Providers(write(), skew_s=30)
    yield made
    await made.close()
