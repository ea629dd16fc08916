r"""Signatures of a body of any length: lines in batches, each closed by a seal, so that no unsigned line is read.

A signature over the whole body could be checked only at its end, when all of it had been taken. Instead the headers
sign the opening, and the line after each batch signs the batch::

    X-OneMap-Timestamp: 1780884000
    X-OneMap-Nonce:     6f1c…
    X-OneMap-Signature: stream=<hex of HMAC over the label of 0>

    {"specversion": "1.0", …}
    {"specversion": "1.0", …}
    {"seal":"sha256=<hex of HMAC over the label of 1 and the two lines above, line feeds included>"}
    {"specversion": "1.0", …}
    {"seal":"sha256=<hex of HMAC over the label of 2 and the line above>"}

The key is the HMAC-SHA256 of ``onemap stream`` with the feed's secret; the label of n is
``{feed}\n{timestamp}\n{nonce}\n{n}\n``. Batches can therefore be neither changed, left out, put in another order nor
moved into another stream; a batch that was cut off has no seal and is not taken.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from twin.envelope.read import BATCH_MESSAGES_MAX
from twin.envelope.refused import Reason, Refused
from twin.feeds.signature import NONCE, SIGNATURE, TIMESTAMP, VerifiedSignature, check_window, read_stamp

OPENING = "stream="
BATCH_BYTES_MAX = 1024 * 1024
_SEAL = re.compile(rb'\s*\{\s*"seal"\s*:\s*"sha256=([0-9a-f]{64})"\s*\}\s*')
_SEAL_BYTES_MAX = 200


class Sealer:
    """The sender's side: opens a stream, and seals and numbers its batches from 1."""

    def __init__(self, secret: bytes, feed: str, *, now: datetime, nonce: str) -> None:
        self._secret, self._feed = secret, feed
        self._timestamp, self._nonce = str(int(now.timestamp())), nonce
        self._number = 0

    def headers(self) -> dict[str, str]:
        """Return the headers that open the stream."""
        opening = OPENING + _mac(self._secret, self._feed, self._timestamp, self._nonce, 0, b"")
        return {TIMESTAMP: self._timestamp, NONCE: self._nonce, SIGNATURE: opening}

    def seal(self, batch: bytes) -> bytes:
        """Return a batch of whole lines with its seal behind it."""
        lines = batch if batch.endswith(b"\n") else batch + b"\n"
        self._number += 1
        mac = _mac(self._secret, self._feed, self._timestamp, self._nonce, self._number, lines)
        return lines + f'{{"seal":"sha256={mac}"}}\n'.encode()


class Cutter(Protocol):
    """Cuts a body that arrives in pieces into batches of lines that may be read."""

    def cut(self, piece: bytes) -> Iterator[bytes]:
        """Yield the batches that are whole now, one by one; a later fault does not affect them."""

    def end(self) -> bytes:
        """Return the rest of the body that may be read, after its end."""


class PlainLines:
    """The lines of an unsigned feed: all whole lines are a batch."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, piece: bytes) -> Iterator[bytes]:
        """Yield the lines that are whole now, as one batch.

        Raises
        ------
        Refused
            When a line is too long.
        """
        whole, mark, rest = piece.rpartition(b"\n")
        lines, self._rest = (self._rest + whole + mark, rest) if mark else (b"", self._rest + rest)
        if lines:
            yield lines
        if len(self._rest) > BATCH_BYTES_MAX:
            raise Refused(Reason.TOO_LARGE, f"a line has more than {BATCH_BYTES_MAX} bytes")

    def end(self) -> bytes:
        """Return the last line, which may lack its line feed."""
        return self._rest


class SealedLines:
    """The lines of a signed stream.

    Parameters
    ----------
    headers
        Those of the opening, which was verified (`verify_opening`).
    """

    def __init__(self, secret: bytes, feed: str, headers: Mapping[str, str]) -> None:
        self._secret, self._feed = secret, feed
        self._timestamp, self._nonce = read_stamp(headers)
        self._number, self._batch, self._lines, self._rest = 0, bytearray(), 0, b""

    def cut(self, piece: bytes) -> Iterator[bytes]:
        """Yield the batches whose seals have arrived.

        Raises
        ------
        Refused
            When a seal is wrong, or a batch has too many bytes or lines.
        """
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            found = _SEAL.fullmatch(line) if len(line) < _SEAL_BYTES_MAX else None
            if found is None:
                self._batch += line + b"\n"
                self._lines += 1
            else:
                yield self._check_seal(found[1].decode())
        if len(self._batch) + len(self._rest) > BATCH_BYTES_MAX or self._lines > BATCH_MESSAGES_MAX:
            limits = f"{BATCH_BYTES_MAX} bytes and {BATCH_MESSAGES_MAX} lines"
            raise Refused(Reason.TOO_LARGE, f"a batch has at most {limits} before its seal")

    def end(self) -> bytes:
        """Return nothing.

        Raises
        ------
        Refused
            When lines follow the last seal: they were cut off, or are not the sender's.
        """
        found = _SEAL.fullmatch(self._rest)  # a last line may lack its line feed
        if found is not None:
            return self._check_seal(found[1].decode())
        if self._batch or self._rest.strip():
            raise Refused(Reason.NO_SIGNATURE, f"{self._lines or 1} lines after the last seal were not taken")
        return b""

    def _check_seal(self, received: str) -> bytes:
        batch = bytes(self._batch)
        self._number += 1
        expected = _mac(self._secret, self._feed, self._timestamp, self._nonce, self._number, batch)
        if not hmac.compare_digest(expected, received):
            raise Refused(Reason.BAD_SIGNATURE, f"the seal of batch {self._number} is not that of its lines")
        self._batch, self._lines = bytearray(), 0
        return batch


def is_opening(headers: Mapping[str, str]) -> bool:
    """Return whether a request opens a signed stream."""
    return any(name.lower() == SIGNATURE and value.startswith(OPENING) for name, value in headers.items())


def verify_opening(secret: bytes, feed: str, headers: Mapping[str, str], *, now: datetime) -> VerifiedSignature:
    """Check the opening of a stream and its time; the caller then claims the nonce.

    Raises
    ------
    Refused
        When a header is missing or malformed, the time lies outside the window, or the signature is wrong.
    """
    timestamp, nonce = read_stamp(headers)
    received = next((value for name, value in headers.items() if name.lower() == SIGNATURE), "")
    expected = OPENING + _mac(secret, feed, timestamp, nonce, 0, b"")
    if not hmac.compare_digest(expected.encode(), received.encode(errors="replace")):
        raise Refused(Reason.BAD_SIGNATURE, "the signature does not open a stream of this feed", parameter=SIGNATURE)
    return check_window(feed, timestamp, nonce, now=now)


def _mac(secret: bytes, feed: str, timestamp: str, nonce: str, number: int, batch: bytes) -> str:
    key = hmac.digest(secret, b"onemap stream", "sha256")
    mac = hmac.new(key, f"{feed}\n{timestamp}\n{nonce}\n{number}\n".encode(), hashlib.sha256)
    mac.update(batch)
    return mac.hexdigest()
