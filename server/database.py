"""The database of a command: the one the settings name, or the private one of the home, ready for use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from layers.cluster import borrowed_cluster
from layers.database_check import require_usable
from layers.migrate import migrate, pending
from layers.tables import sync_definitions
from server.settings import Settings


@contextmanager
def open_database(settings: Settings) -> Iterator[str]:
    """Yield the URL of a migrated database with all layers; its private server is started when it does not run.

    Raises
    ------
    Unavailable
        When it cannot be reached, or lacks what OneMap needs; says what.
    Conflict
        When it is newer than this program.
    """
    if settings.database.url is not None:
        asyncio.run(prepare(settings.database.url))
        yield settings.database.url
        return
    with borrowed_cluster(settings.home) as url:
        asyncio.run(prepare(url))
        yield url


@contextmanager
def open_current(settings: Settings) -> Iterator[str]:
    """Yield the URL of a database to look into, as `open_database`; one that is up to date is taken as it is.

    Raises
    ------
    Unavailable, Conflict
        As `open_database`.
    """
    with ExitStack() as opened:
        url = settings.database.url or opened.enter_context(borrowed_cluster(settings.home))
        if asyncio.run(pending(url)):
            asyncio.run(prepare(url))
        yield url


async def prepare(url: str) -> list[str]:
    """Check, migrate and bring the layers to their definitions; return the migrations applied."""
    await require_usable(url)
    applied = await migrate(url)
    await sync_definitions(url)
    return applied
