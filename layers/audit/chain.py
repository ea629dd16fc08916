"""The links of a chain: what the hash of a record covers.

    hash = H(prev_hash ‖ UTF-8(seq ‖ LF ‖ stored_at ‖ LF ‖ body))

`seq` is a decimal number from 1 without gaps, `stored_at` the database's time in UTC with milliseconds
(``2026-06-08T01:02:03.456Z``), `body` the canonical text of the record, and the hash before the first is `GENESIS`.
H is stored with each record. PostgreSQL makes the same (layers/schema/sql/090_audit.sql).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from layers.audit.canonical import timestamp

GENESIS = bytes(32)
ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {"sha256": lambda message: sha256(message).digest()}
"""The digests that a record may name."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One link of a chain as it is stored.

    Attributes
    ----------
    body
        The record as canonical JSON.
    """

    chain: str
    seq: int
    stored_at: datetime
    alg: str
    body: str
    prev_hash: bytes
    hash: bytes


def link_hash(alg: str, prev_hash: bytes, seq: int, stored_at: datetime, body: str) -> bytes:
    """Return the hash of a link.

    Raises
    ------
    KeyError
        When the algorithm is not one of `ALGORITHMS`.
    """
    return ALGORITHMS[alg](prev_hash + f"{seq}\n{timestamp(stored_at)}\n{body}".encode())
