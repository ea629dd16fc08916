"""Anchors: the ends of all chains at a time, signed, kept outside the database.

Whoever can write every table can cut off the end of a chain and nobody would see it in the database. An anchor that was
written before tells: the file of anchors is copied to where the database's administrator cannot write.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from layers.audit.canonical import timestamp
from layers.audit.store import ChainHead
from layers.errors import BadFile

ALGORITHM = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class AnchorPoint:
    """The end of one chain: the number of its last record and its hash in hexadecimal digits."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The ends of all chains.

    Attributes
    ----------
    prev
        SHA-256 of the line of the anchor before; empty for the first.
    """

    at: datetime
    chains: Mapping[str, AnchorPoint]
    prev: str = ""

    def line(self, key: bytes) -> bytes:
        """Return the anchor as a signed line of JSON, without its end."""
        points = {name: {"hash": point.hash, "seq": point.seq} for name, point in self.chains.items()}
        fields = {"alg": ALGORITHM, "at": timestamp(self.at), "chains": points, "prev": self.prev}
        return _json({**fields, "mac": hmac.digest(key, _json(fields), "sha256").hex()})


def _json(fields: Mapping[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def append_anchor(file: Path, heads: Iterable[ChainHead], key: bytes, now: datetime | None = None) -> Anchor:
    """Write the present ends behind the anchors of a file, durably.

    Raises
    ------
    BadFile
        When the file cannot be written.
    """
    points = {head.chain: AnchorPoint(head.seq, head.hash.hex()) for head in heads}
    try:
        lines = file.read_bytes().splitlines() if file.exists() else []
        anchor = Anchor(now or datetime.now(UTC), points, sha256(lines[-1]).hexdigest() if lines else "")
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as opened:
            opened.write(anchor.line(key) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise BadFile(f"cannot write the anchors to {file}: {error.strerror}", parameter="anchors") from error
    return anchor


def read_anchors(file: Path, key: bytes) -> list[Anchor]:
    """Return the anchors of a file, oldest first; none when there is no file.

    Raises
    ------
    BadFile
        When a line was changed, removed or signed with another key; the message says which.
    """
    if not file.exists():
        return []
    anchors, prev = [], ""
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        anchor = _read(line, f"{file}, line {number}")
        if not hmac.compare_digest(anchor.line(key), line):
            raise BadFile(f"{file}, line {number}: 签名不符 the anchor was changed, or signed with another key")
        if prev and anchor.prev != prev:
            raise BadFile(f"{file}, line {number}: 前一锚点缺失 the anchor before it was removed or changed")
        anchors.append(anchor)
        prev = sha256(line).hexdigest()
    return anchors


def _read(line: bytes, place: str) -> Anchor:
    try:
        fields = orjson.loads(line)
        points = {name: AnchorPoint(int(of["seq"]), str(of["hash"])) for name, of in fields["chains"].items()}
        return Anchor(datetime.fromisoformat(fields["at"]), points, str(fields["prev"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{place} is no anchor") from error
