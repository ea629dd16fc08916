"""The database of a command: the one that the settings name, or the private one of the home folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg

from layers.audit.note import note
from layers.audit.record import AuditAction
from layers.cluster import borrowed_cluster
from layers.cluster.place import find_place
from layers.coordinates.district_crs import choose_measuring_srid
from layers.database.connection import connected
from layers.errors import NotFound
from layers.schema.database_check import require_usable
from layers.schema.migrate import migrate, pending
from layers.schema.tables import sync_definitions
from server.settings import LayerSettings, Settings


@contextmanager
def open_database(settings: Settings) -> Iterator[str]:
    """Yield the URL of a migrated database with all layers; start its private server if it is not running.

    Raises
    ------
    Unavailable
        When the database cannot be reached, or lacks something that OneMap needs; the message names it.
    Conflict
        When the database is newer than this program.
    NotFound
        When the home folder holds no database: a mistyped name must not create one.
    """
    with ExitStack() as opened:
        url = settings.database.url or opened.enter_context(borrowed_cluster(existing_home(settings)))
        asyncio.run(prepare(url, settings.layers))
        yield url


@contextmanager
def open_current(settings: Settings) -> Iterator[str]:
    """Yield the URL of a database for reading, as `open_database`; an up-to-date database is not prepared again.

    Raises
    ------
    Unavailable, Conflict, NotFound
        As `open_database`.
    """
    with ExitStack() as opened:
        url = settings.database.url or opened.enter_context(borrowed_cluster(existing_home(settings)))
        if asyncio.run(pending(url)):
            asyncio.run(prepare(url, settings.layers))
        yield url


def in_database[T](
    settings: Settings,
    work: Callable[[asyncpg.Connection], Awaitable[T]],
    recorded: tuple[AuditAction, str, str] | None = None,
) -> T:
    """Do a work on one connection in the owner's role, and return what it returns.

    Parameters
    ----------
    recorded
        What the audit records before the work begins: the action, the thing, the operation. None for work that changes
        nothing.

    Raises
    ------
    Unavailable, Conflict, NotFound
        As `open_database`.
    """

    async def run(url: str) -> T:
        if recorded is not None:
            action, thing, operation = recorded
            await note(url, action, thing, detail={"operation": operation})
        async with connected(url) as connection:
            return await work(connection)

    with open_current(settings) as url:
        return asyncio.run(run(url))


def existing_home(settings: Settings) -> Path:
    """Return the home of the settings.

    Raises
    ------
    NotFound
        When no database was ever created there; the message says how to create one.
    """
    if find_place(settings.home) is None:
        raise NotFound(
            f"此处没有 OneMap there is no OneMap in {settings.home}; "
            f"新建 make one: ./onemap up --home {settings.home}，或换 --home or name another --home",
            parameter="home",
        )
    return settings.home


async def prepare(url: str, layers: LayerSettings | None = None) -> list[str]:
    """Check and migrate a database, update its layers to their definitions, and choose the measuring plane.

    Returns
    -------
    list of str
        The migrations that were applied, without those that had been applied before.

    Raises
    ------
    Unavailable, Conflict
        As `open_database`.
    BadInput
        When a definition file is not valid, or the plane is not one of the district's country.
    """
    layers = layers or LayerSettings()
    await require_usable(url)
    applied = await migrate(url)
    await sync_definitions(url, layers.folder)
    async with connected(url) as connection:
        await choose_measuring_srid(connection, layers.measuring_srid)
    return applied
