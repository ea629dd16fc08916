from __future__ import annotations

import pytest

from layers.database.connection import Role, connect
from tests.twin.fixture import print_fixture
from tests.twin.service import serving


async def _print(url):
    connection = await connect(url, Role.OWNER)
    try:
        await print_fixture(connection)
    finally:
        await connection.close()


@pytest.fixture(scope="package")
def printed(cluster, fixture_url):
    """The application over the worked fixture with seven decimals, as the reference prints it."""
    with serving(cluster, fixture_url, _print) as running:
        yield running


@pytest.fixture(scope="package", params=["exact", "printed"])
def worked(request, twin, printed):
    """The worked fixture in full precision, and as it is printed."""
    return twin if request.param == "exact" else printed
