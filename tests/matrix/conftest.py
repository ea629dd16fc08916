"""The application over the synthetic district, for requests of any of `asked.ACTORS`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from tests.databases import temporary_database
from tests.impersonation import ACTOR_HEADER, Impersonation
from tests.matrix.asked import ACTORS
from tests.ogc.service import Service

AT_ONCE = 4


class Everybody(Service):
    """The application over a database, for requests of any actor."""

    def __init__(self, url) -> None:
        super().__init__(url)
        self.app.state.shared = replace(self.app.state.shared, authenticator=Impersonation(ACTORS))

    def statuses(self, actor, targets):
        """Request many addresses, some at once; return status and text by address."""

        async def one(target, gate):
            async with gate:
                headers = {ACTOR_HEADER: actor, "accept": "application/json"}
                answer = await self._fast.get(target, headers=headers)
                return target, (answer.status_code, answer.text[:300] if answer.status_code >= 400 else "")

        async def all_of_them():
            gate = asyncio.Semaphore(AT_ONCE)
            return dict(await asyncio.gather(*(one(target, gate) for target in targets)))

        return asyncio.run_coroutine_threadsafe(all_of_them(), self._loop).result(280)

    @property
    def catalog(self):
        """The catalogue of the application."""
        return self.app.state.shared.catalog.current


def items_of(name, params):
    """Return the address of the items of a layer."""
    return f"/ogc/collections/{name}/items?{urlencode({'limit': '2', **params})}"


def earlier():
    """Return a moment some seconds ago, as in an address."""
    return (datetime.now(UTC) - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="session")
def district(cluster, district_template):
    """The application over the synthetic district, for reading."""
    with temporary_database(cluster, district_template) as url:
        running = Everybody(url)
        yield running
        running.close()
