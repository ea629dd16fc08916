"""The platform's side of JT/T 808: registration, authentication, answers; no sockets here.

A terminal registers (0x0100) and gets a code (0x8100), sends the code each time it connects (0x0102), and is answered
(0x8001) with 0 for taken, 1 for failed, 2 for wrong, 3 for an unsupported message.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from twin.feeds import jt808
from twin.feeds.jt808 import AUTHENTICATE, HEARTBEAT, LOCATION, LOCATION_BATCH, REGISTER, TERMINAL_ANSWER, TerminalFrame

LOG_OUT, REGISTER_ANSWER = 0x0003, 0x8100
_CODE_LETTERS = 32


class Result(IntEnum):
    """Results of the general answer."""

    TAKEN = 0
    FAILED = 1
    WRONG = 2
    UNSUPPORTED = 3


class Registered(IntEnum):
    """Results of a registration."""

    YES = 0
    UNKNOWN_TERMINAL = 4


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal in a layer: the feature that carries it, and the terminal's id if it is known."""

    feature_id: str
    terminal_id: str | None = None


class KnownTerminals(Protocol):
    """The known terminals (`Roster`)."""

    terminals: dict[str, Terminal]


class Platform:
    """The platform's side of one connection.

    Parameters
    ----------
    roster
        The known terminals; read with each frame, so it may change meanwhile.
    secret
        Key of the codes; None accepts known terminals without a code.
    """

    def __init__(self, roster: KnownTerminals, secret: bytes | None) -> None:
        self._roster, self._secret = roster, secret
        self._serial = 0
        self.phone: str | None = None  # terminals that have authenticated on this connection

    def may_send(self, frame: TerminalFrame) -> bool:
        """Return whether locations of this terminal are taken on this connection."""
        return self._secret is None or frame.phone == self.phone

    def reply(self, frame: TerminalFrame) -> bytes | None:
        """Return the answer to a frame that needs no database; None for locations, and for frames without an answer."""
        if frame.message_id in {LOCATION, LOCATION_BATCH, TERMINAL_ANSWER}:
            return None
        if frame.message_id == REGISTER:
            return self._register(frame)
        if frame.message_id == AUTHENTICATE:
            return self.answer(frame, Result.TAKEN if self._authenticate(frame) else Result.FAILED)
        known = frame.message_id in {HEARTBEAT, LOG_OUT}
        return self.answer(frame, Result.TAKEN if known else Result.UNSUPPORTED)

    def answer(self, frame: TerminalFrame, result: Result) -> bytes:
        """Write the general answer 0x8001 to a frame."""
        body = struct.pack(">HHB", frame.serial, frame.message_id, result)
        return self._write(jt808.GENERAL_ANSWER, frame, body)

    def _register(self, frame: TerminalFrame) -> bytes:
        terminal = self._roster.terminals.get(frame.phone)
        own_id = _terminal_id(frame)
        if terminal is None or (terminal.terminal_id is not None and own_id != terminal.terminal_id):
            return self._write(REGISTER_ANSWER, frame, struct.pack(">HB", frame.serial, Registered.UNKNOWN_TERMINAL))
        code = code_of(self._secret or b"", frame.phone).encode()
        return self._write(REGISTER_ANSWER, frame, struct.pack(">HB", frame.serial, Registered.YES) + code)

    def _authenticate(self, frame: TerminalFrame) -> bool:
        if frame.phone not in self._roster.terminals:
            return False
        if self._secret is not None and not hmac.compare_digest(
            _code(frame), code_of(self._secret, frame.phone).encode()
        ):
            return False
        self.phone = frame.phone
        return True

    def _write(self, message_id: int, frame: TerminalFrame, body: bytes) -> bytes:
        self._serial = (self._serial + 1) & 0xFFFF
        return jt808.write_frame(TerminalFrame(message_id, frame.phone, self._serial, body, frame.is_2019))


def code_of(secret: bytes, phone: str) -> str:
    """Return the code of a terminal: the same in every process, and valid for no other terminal."""
    return hmac.new(secret, f"jt808\n{phone}".encode(), hashlib.sha256).hexdigest()[:_CODE_LETTERS]


def _terminal_id(frame: TerminalFrame) -> str:
    """Return the terminal's id of a registration: 7 bytes in 2013, 30 in 2019, padded with zero bytes."""
    at, length = (4 + 11 + 30, 30) if frame.is_2019 else (4 + 5 + 20, 7)
    return frame.body[at : at + length].strip(b"\0 ").decode("gbk", errors="replace")


def _code(frame: TerminalFrame) -> bytes:
    """Return the code of an authentication; in 2019 its length precedes it, and other fields follow."""
    if frame.is_2019:
        return frame.body[1 : 1 + frame.body[0]] if frame.body else b""
    return frame.body.rstrip(b"\0")
