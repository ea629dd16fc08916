"""Catching up: a watcher that is behind reads the log from its own number, recent frames from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg

from layers.catalog import Catalog
from twin.live.budget import TimeSlices
from twin.live.change_batch import ChangeBatch, PendingChanges
from twin.live.channel import Channel, Watcher
from twin.live.leaving import told_late
from twin.live.recent import Decoded, Recent
from twin.live.regraded import Regrading, regraded
from twin.live.rows import FeatureProperties, Needs, read_rows
from twin.log.change import is_of_layer
from twin.log.changes import Forgotten, frames_since

BEHIND_MAX = 1_000_000  # changes: with more, a snapshot is quicker
READ_FRAMES = 20
_BATCH_CHANGES_MAX = 2_000


class LateReader:
    """Reads the log for watchers that are behind.

    Parameters
    ----------
    catalog, seq
        Return the current catalogue, and the number of the last change that all channels have.
    recent
        The newest frames; frames that are read late are added.
    """

    def __init__(self, catalog: Callable[[], Catalog], seq: Callable[[], int], recent: Recent) -> None:
        self._catalog, self._seq, self._recent = catalog, seq, recent
        self._regrading = Regrading()

    async def read(self, watcher: Watcher, pool: asyncpg.Pool) -> ChangeBatch | None:
        """Return the next changes for a watcher, and move its number behind them; None when none are for it.

        Raises
        ------
        Forgotten
            When the watcher is too far behind, the log no longer reaches back to its number, or it does not tell each
            change of a layer.
        """
        if self._seq() - watcher.seq > BEHIND_MAX:
            missed = self._seq() - watcher.seq
            raise Forgotten(f"{missed} changes have been missed; at most {BEHIND_MAX} are sent again")
        pending, seq, slices = PendingChanges(), watcher.seq, TimeSlices()
        while seq < self._seq() and len(pending) < _BATCH_CHANGES_MAX:
            decoded, rows = await self._after(seq, watcher.channel, pool)
            grades = await self._regrading.of(decoded, self._catalog(), pool)
            await asyncio.sleep(0)  # a long way back is gone in steps
            for number, change in decoded:
                if number > seq:
                    if is_of_layer(change) and watcher.channel.reads_anew(change):
                        raise Forgotten(f"many features of '{change['layer']}' changed at once: read the layer again")
                    told = told_late(watcher.channel, change, regraded(change, grades), rows)
                    if told is not None:
                        pending.add(told.change, told.encoded)
                    seq = number
                    await slices.spend(watcher.channel.units)
        watcher.seq = seq
        return pending.batch(seq, watcher.channel.mark.text) if len(pending) else None

    async def _after(self, seq: int, channel: Channel, pool: asyncpg.Pool) -> tuple[Decoded, FeatureProperties]:
        """Return the frame after a number, and the properties of its features that the channel looks at."""
        decoded, needs = self._recent.after(seq), Needs([channel])
        if decoded is not None and not any(needs.missing(change) for _, change in decoded):
            return decoded, FeatureProperties()
        async with pool.acquire() as connection:
            if decoded is None:
                first, *others = await frames_since(connection, seq, limit=READ_FRAMES)
                decoded = self._recent.put(first)
                for frame in others:
                    self._recent.put(frame)
            return decoded, await read_rows(connection, self._catalog(), needs, (change for _, change in decoded))
