from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.settings import load_settings
from tests.databases import temporary_database
from tests.running_app import running_app
from twin.client import Twin

TOKEN = "a-token-of-the-tests"  # of the test server only


@pytest.fixture(scope="session")
def client_database(cluster: str, district_template: str) -> Iterator[str]:
    with temporary_database(cluster, district_template) as url:
        yield url


@pytest.fixture(scope="session")
def client_address(client_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the real application over the small district."""
    home = tmp_path_factory.mktemp("home")
    (home / "operator-token").write_text(TOKEN, encoding="ascii")
    with running_app(load_settings(home=home, database={"url": client_database})) as running:
        yield running


@pytest.fixture
def twin(client_address: str) -> Iterator[Twin]:
    with Twin(client_address, TOKEN) as found:
        yield found
