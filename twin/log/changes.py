"""The change log: every change of the twin in commit order, the one source of every push and every invalidation.

A row is a frame: the changes of one transaction as one JSON array, encoded once and never again. A change's number is
its frame's first number plus its place in the frame, so numbers have no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson

from layers.errors import OneMapError
from twin.log.change import Change

CHANNEL = "change"
_APPEND = "SELECT twin.append_changes($1, $2)"  # locks, numbers, writes and wakes
_TELLS_ITSELF = "SELECT set_config('onemap.tells_log', 'on', true)"
_SINCE = """
SELECT first_seq, last_seq, committed_at, changes FROM twin.change WHERE last_seq > $1 ORDER BY last_seq LIMIT $2
"""


_LEAP = b"[]"  # the frame of a restore (layers/recovery/restored.py): no other is empty


class Forgotten(OneMapError):
    """The log no longer reaches back to a reader's number; the reader must take a snapshot and go on from there."""


@dataclass(frozen=True, slots=True)
class LogFrame:
    """The changes of one transaction.

    Attributes
    ----------
    first_seq, last_seq
        Numbers of the first and the last change; both are in the frame.
    encoded
        A JSON array with one object for each change, in order.
    """

    first_seq: int
    last_seq: int
    committed_at: datetime
    encoded: bytes

    def changes(self, since: int = 0) -> list[tuple[int, Change]]:
        """Return number and content of the changes after `since`."""
        numbered = enumerate(orjson.loads(self.encoded), self.first_seq)
        return [(seq, change) for seq, change in numbered if seq > since]


async def tells_itself(connection: asyncpg.Connection) -> None:
    """Say that the open transaction tells the log itself what it changes in the tables of layers.

    The changes of any other writer are told by triggers of the tables (`layers/schema/sql/035_untold.sql`).
    """
    await connection.execute(_TELLS_ITSELF)


async def append(connection: asyncpg.Connection, changes: Sequence[Change]) -> int:
    """Write the changes of the open transaction as its last act, and return the number of the first.

    The lock is held until the commit: another writer's frame is numbered after this one is visible, so that numbers
    follow the order of commits, and a reader up to N can never miss a smaller number that commits later.

    Raises
    ------
    ValueError
        When there is nothing to write, or no transaction is open.
    """
    if not changes or not connection.is_in_transaction():
        raise ValueError("a frame has at least one change and belongs to a transaction")
    first_seq: int = await connection.fetchval(_APPEND, len(changes), orjson.dumps(list(changes)))
    return first_seq


async def last_seq(connection: asyncpg.Connection) -> int:
    """Return the number of the newest change; 0 for an empty log."""
    number: int = await connection.fetchval("SELECT coalesce(max(last_seq), 0) FROM twin.change")
    return number


async def frames_since(connection: asyncpg.Connection, seq: int, *, limit: int = 100) -> list[LogFrame]:
    """Return the frames that hold changes after `seq`, oldest first, at most `limit` of them.

    Raises
    ------
    Forgotten
        When changes after `seq` have been dropped from the log already, or `seq` is a number of before a restore.
    """
    rows = await connection.fetch(_SINCE, seq, limit)
    if rows and rows[0]["first_seq"] > seq + 1:
        raise Forgotten(f"the log begins at {rows[0]['first_seq']}; {seq + 1} is no longer there", parameter="since")
    if rows and rows[0]["changes"] == _LEAP and seq >= rows[0]["first_seq"]:
        raise Forgotten(f"the database was restored, and its log knows no {seq}", parameter="since")
    return [LogFrame(row["first_seq"], row["last_seq"], row["committed_at"], row["changes"]) for row in rows]


async def forget(connection: asyncpg.Connection, older_than: timedelta) -> int:
    """Drop frames that were committed longer ago, but never the newest; return how many."""
    status: str = await connection.execute(
        """DELETE FROM twin.change WHERE committed_at < clock_timestamp() - $1::interval
        AND last_seq < (SELECT max(last_seq) FROM twin.change)""",
        older_than,
    )
    return int(status.rsplit(maxsplit=1)[-1])
