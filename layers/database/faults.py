"""PostgreSQL's errors in our words, by SQLSTATE: whose fault it is, and whether it helps to come again.

A value that cannot be evaluated is its sender's fault. A server that is away, full or damaged is nobody's who asks:
nothing may be refused for it, and the same request is right again when the server is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from layers.errors import BadInput, Damaged, OneMapError, TooMuch, Unavailable

AWAY = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut while it said something
    asyncpg.PostgresConnectionError,
    ConnectionError,
    TimeoutError,
)
"""What a connection says that is gone, or does not answer in time; one that cannot be made is `Unavailable` already."""
DATABASE_ERRORS = (Unavailable, OSError, asyncpg.PostgresError, *AWAY)
"""Whatever the database or the way to it may say: a job that reads them waits, and tries again."""
_POSTGIS_SOURCES = ("lwgeom_", "gserialized_", "geography_", "geobuf", "mvt", "flatgeobuf", "postgis_")
_OUT_OF_RESOURCES = {"25006", "40001", "40P01", "55P03"}  # a standby, a lost race: the same is right a moment later
_OUT_OF_RESOURCE_CLASSES = {"08", "53", "54", "57"}
_DAMAGED_CLASSES = {"58", "XX"}  # the disk, the files, PostgreSQL itself


def refuses_value(error: BaseException) -> bool:
    """Whether the database refuses a value, so that the same value is refused again whenever it comes.

    PostGIS reports bad geometries as XX000, PostgreSQL its own faults too: the source file says which of both. XX001
    and XX002, damaged data and indexes, never are a value's fault.

    Returns
    -------
    bool
        True for class 22 (out of range, division by zero), class 23 (constraints), and XX000 of PostGIS.
    """
    if not isinstance(error, asyncpg.PostgresError):
        return False
    state = error.sqlstate or ""
    if state == "XX000":
        return str(error.server_source_filename or "").startswith(_POSTGIS_SOURCES)
    return state[:2] in {"22", "23"}


def in_words(error: BaseException) -> OneMapError | None:
    """Return what an error of the database is in our words; `None` when it is a fault of our own statement, or none.

    Returns
    -------
    OneMapError
        `TooMuch` when statement time ran out; `BadInput` for what `refuses_value`; `Unavailable` when the server or
        the connection is away or out of resources; `Damaged` for a fault of disk, files or PostgreSQL itself.
    """
    if isinstance(error, asyncpg.QueryCanceledError):
        return TooMuch("the query took longer than a statement may; ask for a smaller area or a simpler filter")
    if isinstance(error, AWAY):
        return Unavailable("the database went away; try again")
    if not isinstance(error, asyncpg.PostgresError):
        return None
    return _by_state(error, error.sqlstate or "")


def _by_state(error: asyncpg.PostgresError, state: str) -> OneMapError | None:
    if refuses_value(error) and state[:2] != "23":
        return BadInput(f"the database cannot evaluate this: {error}")
    if state[:2] in _OUT_OF_RESOURCE_CLASSES or state in _OUT_OF_RESOURCES:
        return Unavailable(f"the database is out of resources: {error}")
    if state[:2] in _DAMAGED_CLASSES:
        return Damaged(f"the database has a fault of its own ({state}); nothing was refused for it, come again", state)
    return None


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn what the database says into errors of ours (`in_words`).

    Raises
    ------
    TooMuch, BadInput, Unavailable, Damaged
        As `in_words` says; what it does not know goes on as it is.
    """
    try:
        yield
    except Exception as error:
        said = in_words(error)
        if said is None:
            raise
        raise said from error
