"""The views of people who read in SQL, kept in step with the policy and the layers."""

from __future__ import annotations

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from layers.policy.policy import Policy
from layers.sql_readers.readers import SqlReader, keep_shape, list_readers
from layers.sql_readers.views import make_views, shape_of_views
from server.identity.subject import AuthMethod, Subject, actor_of

_WAIT = "SET LOCAL lock_timeout = '2s'"


def reader_actor(reader: SqlReader, policy: Policy | None) -> Actor:
    """Return the actor whose rights a reader's views have."""
    return actor_of(Subject.labelled(f"sql:{reader.name}", reader.name, reader.labels, AuthMethod.TOKEN), policy)


async def refresh_views(
    connection: asyncpg.Connection, catalog: Catalog, policy: Policy | None
) -> dict[str, list[str]]:
    """Make the views anew of those whose rights or layers have changed; return their layers by name.

    Parameters
    ----------
    connection
        In the owner's role.

    Raises
    ------
    asyncpg.PostgresError
        When somebody reads a view for so long that it cannot be replaced now; try again.
    """
    made = {}
    for reader in await list_readers(connection):
        actor = reader_actor(reader, policy)
        shape = shape_of_views(catalog, actor)
        if shape == reader.shape or not reader.can_log_in:
            continue
        async with connection.transaction():
            await connection.execute(_WAIT)
            made[reader.name] = await make_views(connection, reader.name, catalog, actor)
            await keep_shape(connection, reader.name, shape)
    return made
