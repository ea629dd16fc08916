"""Errors of ADBC as errors of OneMap: the same classes as for any other connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager as adbc

from layers.errors import BadInput, Damaged, OneMapError, TooMuch, Unavailable

_CANCELLED = "57014"
_OF_VALUES = "22"
_DAMAGED = ("58", "XX")


def in_words(error: adbc.Error) -> OneMapError:
    """Translate an error of ADBC.

    Returns
    -------
    OneMapError
        `TooMuch` for a statement that was cancelled or ran out of time; `BadInput` for a value that the database cannot
        evaluate; `Damaged` for a fault of its own; `Unavailable` for anything else: the server is away.
    """
    state = error.sqlstate or ""
    if state == _CANCELLED or error.status_code is adbc.AdbcStatusCode.CANCELLED:
        return TooMuch("the export took longer than it may, or was cut; ask for a smaller area, or for parts by limit")
    if state.startswith(_OF_VALUES):
        return BadInput(f"the database cannot evaluate this: {_first_line(error)}")
    if state.startswith(_DAMAGED):
        return Damaged(f"the database has a fault of its own ({state}); come again", state)
    return Unavailable(f"the database went away during an export ({state or 'no answer'}); try again")


@contextmanager
def columns_in_our_words() -> Iterator[None]:
    """Raise errors of ADBC as errors of OneMap, as `in_words` translates.

    Raises
    ------
    TooMuch, BadInput, Damaged, Unavailable
        As `in_words`.
    """
    try:
        yield
    except adbc.Error as error:
        raise in_words(error) from error


def _first_line(error: adbc.Error) -> str:
    return str(error).splitlines()[0][:200]
