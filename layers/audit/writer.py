"""The audit of one process: records that are stored before something happens, soon after it, or as counts of a minute.

What a process loses when it is killed: records that were added within the last half second, and the counts of the
last minute. Data of grade 3 and above never leaves before its record is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import replace

from layers.audit.lane import QUEUE_MAX, AuditLane
from layers.audit.record import AuditChain, AuditRecord

COUNT_SECONDS = 60.0
_COUNTERS_MAX = 2000
PATIENCE_SECONDS = 3.0


class AuditWriter:
    """Stores records; `start` and `stop` frame its work.

    Parameters
    ----------
    url
        The database, for a login that may take the role `Role.AUDIT`.
    """

    def __init__(self, url: str, *, queue_max: int = QUEUE_MAX) -> None:
        self._lanes = {chain: AuditLane(url, chain, queue_max) for chain in AuditChain}
        self._counters: dict[Hashable, tuple[AuditRecord, int]] = {}
        self._counting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to store; the database may be away."""
        for lane in self._lanes.values():
            lane.start()
        self._counting = asyncio.create_task(self._count(), name="audit counters")

    async def stop(self) -> None:
        """Store everything that waits, and stop."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)
        self.flush_counters(at_end=True)
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))

    @property
    def waiting(self) -> int:
        """Number of records that are not stored yet."""
        return sum(lane.waiting for lane in self._lanes.values())

    def add(self, record: AuditRecord) -> None:
        """Add a record that is stored within a second.

        Raises
        ------
        AuditUnavailable
            When too many wait: the database takes none.
        """
        self._lanes[record.chain].add(record)

    def add_later(self, chain: AuditChain, make: Callable[[], str]) -> None:
        """Add a record of a chain by its canonical text, which is made when it is stored.

        Raises
        ------
        AuditUnavailable
            When too many wait: the database takes none.
        """
        self._lanes[chain].add_later(make)

    async def write(self, record: AuditRecord, patience_s: float = PATIENCE_SECONDS) -> None:
        """Return when a record is stored.

        Raises
        ------
        AuditUnavailable
            When it cannot be stored; what it records must not happen then.
        """
        await self._lanes[record.chain].write(record, patience_s)

    def count(self, key: Hashable, make: Callable[[], AuditRecord]) -> None:
        """Count a request; each minute becomes one record for each key.

        Parameters
        ----------
        key
            Requests with the same key are counted together; beyond 2,000 keys a minute they are stored as they come.
        make
            Returns the record of the first.
        """
        counted = self._counters.get(key)
        if counted is not None:
            self._counters[key] = counted[0], counted[1] + 1
        elif len(self._counters) < _COUNTERS_MAX:
            self._counters[key] = make(), 1
        else:
            self.add(make())

    def flush(self) -> None:
        """Begin to store everything at once, counts too."""
        self.flush_counters()
        for lane in self._lanes.values():
            if lane.waiting:
                lane.hurry()

    def flush_counters(self, *, at_end: bool = False) -> None:
        """Turn the counts into records; those that find no room are counted on, but for the end of the process."""
        counted, self._counters = self._counters, {}
        for key, (record, count) in counted.items():
            lane = self._lanes[record.chain]
            if lane.is_full and not at_end:
                self._counters[key] = record, count
            else:
                lane.add(replace(record, count=count), in_any_case=True)

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            self.flush_counters()
