"""What a web worker may do with layers that were made from a file: title them, and remove them."""

from __future__ import annotations

import asyncpg

from layers.errors import Conflict, NotFound


async def title_layer(
    connection: asyncpg.Connection,
    layer_id: str,
    *,
    title_zh: str | None = None,
    title_en: str | None = None,
    group_zh: str | None = None,
) -> None:
    """Give a layer other titles, or another group in the list of layers; every process takes them over at once.

    Parameters
    ----------
    connection
        In the role of the ingester or of the owner.
    title_zh, title_en, group_zh
        None leaves one as it is.

    Raises
    ------
    NotFound
        When there is no such layer.
    Conflict
        When a definition file declares it.
    """
    done = await connection.fetchval(
        "SELECT onemap.title_layer($1, $2, $3, $4)", layer_id, title_zh, title_en, group_zh
    )
    _check_done(done, layer_id)


async def remove_kept_layer(connection: asyncpg.Connection, layer_id: str) -> None:
    """Remove a layer with its rows and their past, for good.

    Parameters
    ----------
    connection
        In the role of the ingester or of the owner.

    Raises
    ------
    NotFound, Conflict
        As `title_layer`.
    """
    _check_done(await connection.fetchval("SELECT onemap.remove_layer($1)", layer_id), layer_id)


async def titled_here(connection: asyncpg.Connection) -> frozenset[str]:
    """Return the ids of the layers that can be titled so: those that no definition file declares."""
    return frozenset(row["id"] for row in await connection.fetch("SELECT id FROM onemap.layer WHERE NOT declared"))


def _check_done(done: bool | None, layer_id: str) -> None:
    if done is None:
        raise NotFound(f"there is no layer '{layer_id[:80]}'", parameter="layer")
    if not done:
        raise Conflict(f"the layer '{layer_id}' is declared by a definition file; edit that file", parameter="layer")
