"""Shared fixtures: a throw-away PostGIS per worker, a database per test, a live server.

`ONEMAP_TEST_DATABASE_URL` names a running PostgreSQL instead (a superuser's URL of any of its databases). A missing
PostGIS is an error, never a skip: a green run means that everything ran.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from layers.cluster import PrivateCluster
from layers.schema.migrate import migrate
from layers.schema.tables import sync_definitions
from server.settings import environment_names, load_settings
from tests.databases import close_for_writing, execute, run_async, temporary_database
from tests.folders import new_database_folder
from tests.running_app import running_app

OPEN_POLICY = Path(__file__).parent / "policies" / "open"  # the shipped one has tests of its own, in `rights`

# A slow machine is no fault of what is tested; examples are the same in every run, so that a red run can be repeated.
hypothesis.settings.register_profile(
    "onemap", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("onemap")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--real FOLDER``, for the tests in `tests/real`, which need real files, and ``--rights-full``."""
    parser.addoption("--rights-full", action="store_true", help="ask about every layer, row and field in tests/rights")
    parser.addoption("--real", type=Path, metavar="FOLDER", help="real files of a district, for tests/real")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore the tests of real files without `--real`."""
    alone = config.getoption("--real") is None and "real" in collection_path.relative_to(config.rootpath).parts[:2]
    return True if alone else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> Iterator[None]:
    """Remove settings from the environment, so that the tests use none of the developer's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in environment_names():
            patch.delenv(name, raising=False)
        patch.setenv("ONEMAP_POLICY_FOLDER", str(OPEN_POLICY))
        patch.setenv("ONEMAP_RETENTION_POSITIONS_DAYS", "36500")  # the tests' days lie in the past, further every day
        patch.setenv("ONEMAP_RETENTION_OBSERVATIONS_DAYS", "36500")
        patch.setenv("ONEMAP_DATABASE_STATEMENT_TIMEOUT_MS", "60000")  # a slow machine is no fault of what is tested
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Restore Ctrl-C: in the background of a shell the tests ignore it, and so would every process they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """URL of a PostgreSQL server for the tests' databases; one for each xdist worker."""
    given = os.environ.get("ONEMAP_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = new_database_folder("onemap-test-")
    try:
        with PrivateCluster(folder / "home", durable=False) as url:
            yield url
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(cluster: str) -> Iterator[str]:
    """URL of a migrated database without layers, the template of the tests' own."""
    with temporary_database(cluster) as url:
        run_async(execute(url, "CREATE EXTENSION IF NOT EXISTS postgis"))
        run_async(migrate(url))
        close_for_writing(url)
        yield url


@pytest.fixture
def database_url(cluster: str, template: str) -> Iterator[str]:
    """URL of a migrated database of the test's own (0.04 s)."""
    with temporary_database(cluster, template) as url:
        yield url


@pytest.fixture(scope="session")
def layers_template(cluster: str, template: str) -> Iterator[str]:
    """URL of a database that has every defined layer, empty; do not write to it."""
    with temporary_database(cluster, template) as url:
        run_async(sync_definitions(url))
        close_for_writing(url)
        yield url


@pytest.fixture(scope="module")
def served_layers_url(cluster: str, layers_template: str) -> Iterator[str]:
    """URL of a database for a service of the module, with every defined layer, empty at first."""
    with temporary_database(cluster, layers_template) as url:
        yield url


@pytest.fixture
def layers_url(cluster: str, layers_template: str) -> Iterator[str]:
    """URL of a database of the test's own that has every defined layer, empty."""
    with temporary_database(cluster, layers_template) as url:
        yield url


@pytest.fixture(scope="session")
def district_template(cluster: str, template: str) -> Iterator[str]:
    """URL of a database with every layer and the synthetic district at scale 0.02; do not write to it."""
    from layers.demo.load import load_demo  # noqa: PLC0415  # most tests need no district

    with temporary_database(cluster, template) as url:
        run_async(sync_definitions(url))
        run_async(load_demo(url, scale=0.02, seed=440106, progress=lambda *_: None))
        close_for_writing(url)
        yield url


@pytest.fixture
def district_url(cluster: str, district_template: str) -> Iterator[str]:
    """URL of a database of the test's own that holds the synthetic district at scale 0.02."""
    with temporary_database(cluster, district_template) as url:
        yield url


type Serve = Callable[..., str]


@pytest.fixture
def live_server() -> Iterator[Serve]:
    """Start the real application: ``live_server(url)`` or ``live_server(url, limits={...})`` returns its address."""
    with ExitStack() as running:

        def serve(url: str, **overrides: Any) -> str:
            home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="onemap-home-")))
            merged: dict[str, Any] = {"home": home, **overrides}
            merged["database"] = {"url": url, **overrides.get("database", {})}
            return running.enter_context(running_app(load_settings(**merged)))

        yield serve
