"""What the driver has learned of a database: the types of PostgreSQL, which takes longer than to connect.

The types of the columns that are read never change: texts, numbers, times, lists of texts, and bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import adbc_driver_manager as adbc
import adbc_driver_postgresql

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

_KEPT_MAX = 4
_kept: OrderedDict[str, dbapi._SharedDatabase] = OrderedDict()
_keeping = Lock()


def connect_columns(address: str) -> dbapi.Connection:
    """Open a connection; the types of its database are read once in this process, for each address.

    Parameters
    ----------
    address
        As libpq takes it.

    Raises
    ------
    adbc_driver_manager.Error
        When the server does not answer or refuses.
    """
    from adbc_driver_manager import dbapi  # noqa: PLC0415  # it brings pandas: a second at every start

    shared = _known(address)
    try:
        connection = adbc.AdbcConnection(shared._db)  # noqa: SLF001  # the driver's own way to share, as `adbc_clone` does
        try:
            return dbapi.Connection(shared, connection)
        except BaseException:
            connection.close()
            raise
    finally:
        shared.close()  # the connection has a hold of its own


def _known(address: str) -> dbapi._SharedDatabase:
    """Return what is known of a database, to be closed once; the driver counts who uses it."""
    from adbc_driver_manager import dbapi  # noqa: PLC0415  # as above

    with _keeping:
        found = _kept.get(address)
        if found is not None:
            _kept.move_to_end(address)
            return found.clone()
    made = dbapi._SharedDatabase(adbc_driver_postgresql.connect(address))  # noqa: SLF001  # as above
    with _keeping:
        if address not in _kept:
            _kept[address] = made.clone()
            if len(_kept) > _KEPT_MAX:
                _kept.popitem(last=False)[1].close()
    return made
