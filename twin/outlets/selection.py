"""The changes of the log for an outlet: its selection within its actor's rights, nothing merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import asyncpg

from layers.catalog import Catalog
from layers.errors import OneMapError, Unavailable
from layers.policy.policy import Policy
from twin.live.channel import Channel
from twin.live.leaving import told_late
from twin.live.regraded import grades_now, regraded
from twin.live.rights_mark import RightsMark
from twin.live.rows import FeatureProperties, Needs, read_rows
from twin.live.visibility import Visibility
from twin.log.change import NOT_SENT, Change, is_elevation, is_of_layer
from twin.log.changes import Forgotten, frames_since
from twin.outlets.definition import Outlet

_FRAMES = 10
_LATE = timedelta(seconds=10)  # a frame this old may hold features whose grade was raised since
_OLDEST = "SELECT min(first_seq) FROM twin.change"


@dataclass(frozen=True, slots=True)
class NumberedChange:
    """A change as the receiver may see it, with its number in the log and the time of its commit."""

    seq: int
    committed_at: datetime
    change: Change


@dataclass(frozen=True, slots=True)
class OutletBatch:
    """Changes that are sent at once.

    Attributes
    ----------
    seq
        Number up to which every change is in the batch or outside the selection.
    is_last
        Whether the log ended here when it was read.
    lost
        First and last number that were dropped from the log before they could be sent, or the number that stands for
        many changes of a layer at once; None when there is no such gap.
    """

    seq: int
    changes: Sequence[NumberedChange]
    is_last: bool
    lost: tuple[int, int] | None = None


class Selection:
    """Reads the log for one outlet.

    Raises
    ------
    Unavailable
        When the selection names something that does not exist now.
    """

    def __init__(self, outlet: Outlet, catalog: Callable[[], Catalog], policy: Policy | None = None) -> None:
        self._outlet, self._catalog = outlet, catalog
        try:
            interest = outlet.interest(catalog(), policy)
        except OneMapError as error:  # the layer may come yet
            raise Unavailable(f"the outlet's file: {error.message}") from error
        actor = outlet.actor(policy)
        mark = RightsMark.of(actor, catalog(), interest.layers)
        self._channel = Channel(None, interest, Visibility(actor, catalog), mark)

    @property
    def audience(self) -> str:
        """What its actor sees by; an actor of another audience needs another selection."""
        return self._channel.visibility.audience

    async def after(self, connection: asyncpg.Connection, seq: int) -> OutletBatch:
        """Return the changes after a number, at most `batch_max`."""
        try:
            frames = await frames_since(connection, seq, limit=_FRAMES)
        except Forgotten:
            oldest: int = await connection.fetchval(_OLDEST)
            return OutletBatch(oldest - 1, (), is_last=False, lost=(seq + 1, oldest - 1))
        found: list[NumberedChange] = []
        needs = Needs([self._channel])
        for frame in frames:
            numbered = frame.changes(seq)
            rows = await read_rows(connection, self._catalog(), needs, (change for _, change in numbered))
            is_late = datetime.now(UTC) - frame.committed_at > _LATE
            grades = await grades_now(connection, (change for _, change in numbered)) if is_late else {}
            for number, written in numbered:
                if len(found) >= self._outlet.batch_max:
                    return OutletBatch(seq, found, is_last=False)
                if self._is_gap(written):
                    if found:
                        return OutletBatch(seq, found, is_last=False)
                    return OutletBatch(number, (), is_last=False, lost=(number, number))
                seq = number
                told = self._told(written, regraded(written, grades), rows)
                if told is not None:
                    found.append(NumberedChange(number, frame.committed_at, told))
            seq = frame.last_seq  # also of a frame without changes, the leap of a restore
        return OutletBatch(seq, found, is_last=not frames)

    def _is_gap(self, written: Change) -> bool:
        """Return whether a change stands for many of the outlet's, which are not told one by one."""
        return self._outlet.sends_changes and is_of_layer(written) and self._channel.reads_anew(written)

    def _told(self, written: Change, judged: Change, rows: FeatureProperties) -> Change | None:
        """Return what the receiver gets of a change; None for nothing."""
        if is_elevation(written):
            sent = {name: value for name, value in written.items() if name not in NOT_SENT}
            return cast("Change", sent) if "break_glass" in self._outlet.notices else None
        seen = told_late(self._channel, written, judged, rows) if self._outlet.sends_changes else None
        return None if seen is None else seen.change
