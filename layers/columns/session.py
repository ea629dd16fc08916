"""One connection that reads rows as columns: in the reading role, in one snapshot, row by row off the wire.

Every method waits for the database and is called in a thread; `cancel` may be called from any other. ADBC copies: the
driver holds one batch, however many rows a statement has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions

from layers.columns.address import libpq_address
from layers.columns.faults import columns_in_our_words
from layers.columns.known_types import connect_columns
from layers.columns.read_ahead import read_ahead
from layers.database.connection import Role
from layers.errors import TooMuch

if TYPE_CHECKING:
    from adbc_driver_postgresql import dbapi

BATCH_BYTES = 4 * 1024 * 1024
AHEAD = 8
"""Batches that are read while the one before is worked on."""


class ColumnSession:
    """An open connection; as a context it is closed at the end.

    Attributes
    ----------
    is_cancelled
        Whether its reads are cut: no statement begins any more.

    Parameters
    ----------
    url
        An address as `layers.database.connection.connect` takes it.
    statement_timeout_ms
        The time after which the server ends a statement, until `allow` gives more.
    name
        The name of the session that the server shows.

    Raises
    ------
    Unavailable
        When the server does not answer or refuses.
    """

    def __init__(self, url: str, statement_timeout_ms: int, name: str = "onemap columns") -> None:
        settings = {
            "role": Role.READ.value,
            "statement_timeout": str(statement_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",  # a process that hangs must not hold a snapshot for ever
            "default_transaction_isolation": "repeatable read",
            "default_transaction_read_only": "on",
            "max_parallel_workers_per_gather": "0",
            "jit": "off",
            "TimeZone": "UTC",
            "application_name": name,
        }
        self._running: dbapi.Cursor | None = None
        self._cancelling = Lock()  # a statement must not be freed while it is being cancelled
        self.is_cancelled = False
        with columns_in_our_words():
            self._connection = connect_columns(libpq_address(url, settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def row(self, statement: str) -> tuple[Any, ...] | None:
        """Return the only row of a statement without values; None when there is none."""
        with columns_in_our_words(), self._cursor(statement) as cursor:
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def allow(self, statement_timeout_ms: int) -> None:
        """Let the statements that follow take another time."""
        self.row(f"SELECT set_config('statement_timeout', '{int(statement_timeout_ms)}', true)")

    def batches(self, statement: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a statement without values, in batches of about `BATCH_BYTES`, as they come.

        Parameters
        ----------
        schema
            Names and types of the columns, in the statement's order.

        Raises
        ------
        TooMuch, BadInput, Damaged, Unavailable
            As `layers.columns.faults.in_words`.
        """
        with columns_in_our_words(), self._cursor(statement) as cursor:
            # Not `fetch_record_batch`: the errors of that reader have lost the server's code.
            read = iter(cursor._results.reader)  # noqa: SLF001
            for batch in read_ahead(read, AHEAD, self._interrupt):
                if self.is_cancelled:
                    raise TooMuch("this read was cut while its rows were read")
                arrays = [_as(array, one.type) for array, one in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def cancel(self) -> None:
        """End the running statement, from another thread, and let no other begin.

        A statement that is being sent to the server at this moment is not found there yet: whoever must be sure that
        none runs on cancels again.
        """
        with self._cancelling:
            self.is_cancelled = True
            self._stop()

    def _interrupt(self) -> None:
        with self._cancelling:
            self._stop()

    def _stop(self) -> None:
        if self._running is not None:
            with suppress(adbc.Error):  # the statement has ended already, or its server is away
                self._running.adbc_cancel()

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self._connection.close()

    def _begin(self, cursor: dbapi.Cursor) -> None:
        with self._cancelling:
            if self.is_cancelled:
                raise TooMuch("this read was cut before its next statement began")
            self._running = cursor

    def _end(self) -> None:
        with self._cancelling:
            self._running = None

    def _cursor(self, statement: str) -> _Executed:
        return _Executed(self, statement)


class _Executed:
    """A statement while its rows are read."""

    def __init__(self, session: ColumnSession, statement: str) -> None:
        self._session, self._statement = session, statement

    def __enter__(self) -> dbapi.Cursor:
        session = self._session
        self._cursor = session._connection.cursor()  # noqa: SLF001  # one noun in two classes
        try:
            session._begin(self._cursor)  # noqa: SLF001
            self._cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: BATCH_BYTES})
            self._cursor.execute(self._statement)
        except BaseException:
            self.__exit__()
            raise
        return self._cursor

    def __exit__(self, *_: object) -> None:
        self._session._end()  # noqa: SLF001
        self._cursor.close()


def _as(array: pa.Array, kind: pa.DataType) -> pa.Array:
    return array if array.type == kind else array.cast(kind)
