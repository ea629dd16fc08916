"""Errors of ADBC as errors of OneMap: the same classes as for any other connection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager as adbc

from layers.database.faults import CANCELLED, OF_VALUES, of_state
from layers.errors import OneMapError, TooMuch, Unavailable

_OWN_FAULT = "XX000"
_OF_GEOMETRIES = re.compile(
    r"\b(?:GEOS|lwgeom|ST_|transform: |proj_)|geometr|geograph|topolog|antipodal", re.IGNORECASE
)
"""What PostGIS says of a bad geometry; PostgreSQL's own XX000 are about relations, caches, blocks and tuples."""


def in_words(error: adbc.Error) -> OneMapError | None:
    """Translate an error of ADBC.

    Returns
    -------
    OneMapError or None
        `TooMuch` for a statement that was cancelled or ran out of time; `Unavailable` when there is no code, for then
        the server is away; what `layers.database.faults.of_state` says of any other code. ADBC does not tell which
        source file an error is from, so that an XX000 of a bad geometry is known by its words.
    """
    state = error.sqlstate or ""
    if state == CANCELLED or error.status_code is adbc.AdbcStatusCode.CANCELLED:
        return TooMuch("the export took longer than it may, or was cut; ask for a smaller area, or for parts by limit")
    if not state:
        return Unavailable("the database went away during an export; try again")
    said = _said(error)
    if state == _OWN_FAULT and _OF_GEOMETRIES.search(said):
        state = OF_VALUES
    return of_state(state, said)


def _said(error: adbc.Error) -> str:
    """Return the server's own words, without those that the driver puts before and after them."""
    return str(error).partition("ERROR:  ")[2].partition("\n")[0][:200] or str(error).splitlines()[0][:200]


@contextmanager
def columns_in_our_words() -> Iterator[None]:
    """Raise errors of ADBC as errors of OneMap, as `in_words` translates; a fault of our own statement stays as it is.

    Raises
    ------
    TooMuch, BadInput, Damaged, Unavailable
        As `in_words`.
    """
    try:
        yield
    except adbc.Error as error:
        translated = in_words(error)
        if translated is None:
            raise
        raise translated from error
