"""The check of a chain: every link from its first record to its end, and against anchors that were kept elsewhere.

A chain begins at record 1, or after records that were removed by retention: then a record of the chain itself, the
checkpoint, says the number and the hash of the last one that went.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import orjson

from layers.audit.anchor import Anchor
from layers.audit.chain import ALGORITHMS, GENESIS, StoredRecord, link_hash
from layers.audit.record import AuditAction, AuditChain
from layers.audit.store import ChainHead, read_chain, read_heads

KEPT_MIN = timedelta(days=180)
_RETENTION = f'"action":"{AuditAction.RETENTION.value}"'


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first place where a chain is broken.

    Attributes
    ----------
    seq
        The number of the record.
    reason
        What is wrong, in both languages.
    """

    chain: str
    seq: int
    reason: str


@dataclass(slots=True)
class ChainWalk:
    """The walk along one chain; `take` its records in their order, then `end`.

    Attributes
    ----------
    marks
        Numbers of records whose hashes are kept for a comparison with anchors.
    first, last
        Numbers of the first and the last record that was taken; 0 before the first.
    backwards
        Number of records that are older than the one before: the clock of the database was set back. That is no fault.
    fault
        The first fault; the walk does not go on behind it.
    """

    chain: str
    marks: Collection[int] = ()
    first: int = 0
    last: int = 0
    records: int = 0
    backwards: int = 0
    hash: bytes = GENESIS
    fault: ChainFault | None = None
    hashes: dict[int, bytes] = field(default_factory=dict)
    _before: bytes = GENESIS
    _stored_at: datetime | None = None
    _checkpoints: dict[int, str] = field(default_factory=dict)

    def take(self, row: StoredRecord) -> None:
        """Check one record against the one before."""
        if self.fault is not None:
            return
        if not self.records:
            self.first, self.last, self.hash, self._before = row.seq, row.seq - 1, row.prev_hash, row.prev_hash
        reason = self._reason(row)
        if reason is not None:
            self.fault = ChainFault(self.chain, row.seq, reason)
            return
        if self._stored_at is not None and row.stored_at < self._stored_at:
            self.backwards += 1
        self.last, self.hash, self._stored_at = row.seq, row.hash, row.stored_at
        self.records += 1
        if row.seq in self.marks:
            self.hashes[row.seq] = row.hash
        if _RETENTION in row.body:
            self._note_checkpoint(row.body)

    def _reason(self, row: StoredRecord) -> str | None:
        if row.chain != self.chain or row.seq != self.last + 1:
            return f"第 {self.last + 1} 条缺失 record {self.last + 1} is missing"
        if row.prev_hash != self.hash or (row.seq == 1 and row.prev_hash != GENESIS):
            return "与前一条不相连 it is not linked to the record before"
        if row.alg not in ALGORITHMS:
            return f"未知算法 unknown algorithm '{row.alg[:20]}'"
        if link_hash(row.alg, row.prev_hash, row.seq, row.stored_at, row.body) != row.hash:
            return "内容被改动 it was changed"
        return None

    def _note_checkpoint(self, body: str) -> None:
        with suppress(ValueError, KeyError, TypeError):
            record = orjson.loads(body)
            if record["action"] == AuditAction.RETENTION.value and record["object"] == f"audit/{self.chain}":
                self._checkpoints[record["detail"]["last_seq"]] = record["detail"]["last_hash"]

    def end(self, head: ChainHead | None = None, anchors: Sequence[Anchor] = (), now: datetime | None = None) -> None:
        """Check the beginning, the end, and the anchors.

        Parameters
        ----------
        head
            The end that the database remembers; None for an exported part of a chain, which may begin anywhere.
        """
        if self.fault is None and head is not None:
            self.fault = self._fault_of_edges(head)
        for anchor in anchors:
            if self.fault is None:
                self.fault = self._fault_of_anchor(anchor, now or datetime.now(UTC))

    def _fault_of_edges(self, head: ChainHead) -> ChainFault | None:
        if (self.last, self.hash) != (head.seq, head.hash):
            reason = f"末尾被截断：应有 {head.seq} 条 the end was cut off: there were {head.seq} records"
            return ChainFault(self.chain, self.last + 1, reason)
        if self.first > 1 and self._checkpoints.get(self.first - 1) != self._before.hex():
            reason = "之前的记录被删除且无检查点 the records before it were removed without a checkpoint"
            return ChainFault(self.chain, self.first, reason)
        return None

    def _fault_of_anchor(self, anchor: Anchor, now: datetime) -> ChainFault | None:
        point = anchor.chains.get(self.chain)
        if point is None:
            return None
        when = f"{anchor.at:%Y-%m-%d %H:%M} UTC"
        if point.seq > self.last:
            reason = (
                f"锚点 {when} 有 {point.seq} 条，末尾被截断 the anchor of {when} has {point.seq}: the end was cut off"
            )
            return ChainFault(self.chain, self.last + 1, reason)
        if point.seq < self.first - 1:
            if anchor.at < now - KEPT_MIN:
                return None
            reason = f"未满半年即被删除（锚点 {when}） removed before half a year had passed (anchor of {when})"
            return ChainFault(self.chain, self.first, reason)
        known = self._before if point.seq == self.first - 1 else self.hashes.get(point.seq, GENESIS)
        if known.hex() != point.hash:
            return ChainFault(self.chain, point.seq, f"与锚点 {when} 不符 it is not what the anchor of {when} holds")
        return None


async def verify(
    connection: asyncpg.Connection, anchors: Sequence[Anchor] = (), now: datetime | None = None
) -> list[ChainWalk]:
    """Check every chain of a database, in the role `Role.AUDITOR`.

    Parameters
    ----------
    anchors
        Anchors whose signatures were checked.

    Returns
    -------
    list of ChainWalk
        One for each chain; a chain is whole when its walk has no fault.
    """
    walks = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        heads = {head.chain: head for head in await read_heads(connection)}
        for chain in AuditChain:
            marks = {anchor.chains[chain].seq for anchor in anchors if chain in anchor.chains}
            walk = ChainWalk(chain.value, marks)
            async for row in read_chain(connection, chain):
                walk.take(row)
            walk.end(heads.get(chain.value) or ChainHead(chain.value, -1, "", b""), anchors, now)
            walks.append(walk)
    return walks
