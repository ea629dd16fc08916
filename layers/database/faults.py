"""PostgreSQL's errors as errors of OneMap, by SQLSTATE: whether the sender is at fault, and whether a retry helps.

A value that cannot be evaluated is its sender's fault. A server that is away, full or damaged is not: no message may
be refused for it, and the same request succeeds when the server is well again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from layers.errors import BadInput, Damaged, OneMapError, TooMuch, Unavailable

AWAY = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of a message
    asyncpg.PostgresConnectionError,
    ConnectionError,
    TimeoutError,
)
"""Errors of a connection that is gone or does not respond in time; a failed `connect` raises `Unavailable` instead."""
DATABASE_ERRORS = (Unavailable, OSError, asyncpg.PostgresError, *AWAY)
"""All errors of the database and of the way to it: a job that meets one waits and retries."""
CANCELLED = "57014"
"""The code of a statement that was cancelled or ran out of time."""
_POSTGIS_SOURCES = ("lwgeom_", "gserialized_", "geography_", "geobuf", "mvt", "flatgeobuf", "postgis_")
_OUT_OF_RESOURCES = {"25006", "40001", "40P01", "55P03"}  # a standby, a lost race: a retry succeeds a moment later
_OUT_OF_RESOURCE_CLASSES = {"08", "53", "54", "57"}
OF_VALUES = "22"
"""The class of the codes of values that cannot be evaluated."""
_DAMAGED_CLASSES = {"58", "XX"}  # the disk, the files, PostgreSQL itself


def refuses_value(error: BaseException) -> bool:
    """Whether the database refuses a value, and so will refuse it every time.

    PostGIS reports bad geometries as XX000, as PostgreSQL reports its own faults; the source file tells them apart.
    XX001 and XX002, damaged data and indexes, are never the fault of a value.

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
    """Translate an error of the database into an error of OneMap.

    Returns
    -------
    OneMapError or None
        `TooMuch` when the statement ran out of time; `BadInput` when `refuses_value`; `Unavailable` when the server or
        the connection is away or out of resources; `Damaged` for a fault of disk, files or PostgreSQL itself. None for
        a fault of our own statement, and for an error of another kind.
    """
    if isinstance(error, AWAY):
        return Unavailable("the database went away; try again")
    if not isinstance(error, asyncpg.PostgresError):
        return None
    state = error.sqlstate or ""
    return of_state(OF_VALUES if refuses_value(error) and state[:2] != "23" else state, str(error))


def of_state(state: str, said: str) -> OneMapError | None:
    """Translate a code of PostgreSQL, whatever program heard it; `in_words` says into what.

    Parameters
    ----------
    said
        The words of the server.
    """
    if state == CANCELLED:
        return TooMuch("the query took longer than a statement may; ask for a smaller area or a simpler filter")
    if state[:2] == OF_VALUES:
        return BadInput(f"the database cannot evaluate this: {said}")
    if state[:2] in _OUT_OF_RESOURCE_CLASSES or state in _OUT_OF_RESOURCES:
        return Unavailable(f"the database is out of resources: {said}")
    if state[:2] in _DAMAGED_CLASSES:
        return Damaged(f"the database has a fault of its own ({state}); nothing was refused for it, come again", state)
    return None


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise errors of the database as errors of OneMap.

    Raises
    ------
    TooMuch, BadInput, Unavailable, Damaged
        As `in_words` translates; other errors pass unchanged.
    """
    try:
        yield
    except Exception as error:
        translated = in_words(error)
        if translated is None:
            raise
        raise translated from error
