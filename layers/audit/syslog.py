"""Records as syslog messages (RFC 5424), sent over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425)."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from layers.audit.canonical import timestamp
from layers.audit.chain import StoredRecord
from layers.audit.record import AuditDecision
from layers.errors import BadFile, Unavailable

FACILITY = 13  # log audit
_WARNING, _NOTICE = 4, 5
_ID = "onemap@32473"  # the enterprise number for examples (RFC 5612): OneMap has none of its own
_BOM = b"\xef\xbb\xbf"
_SHOWN = ("action", "decision", "object", "subject_id", "max_grade_touched", "request_id")
_PATIENCE_SECONDS = 10.0


def syslog_message(row: StoredRecord, host: str) -> bytes:
    """Return a record as one message: structured data for rules of the log server, and the canonical text."""
    record: dict[str, Any] = orjson.loads(row.body)
    severity = _WARNING if record.get("decision") == AuditDecision.DENY.value else _NOTICE
    known = {"chain": row.chain, "seq": row.seq, "alg": row.alg, "hash": row.hash.hex()}
    pairs = known | {name: record[name] for name in _SHOWN if name in record}
    data = " ".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())
    action = re.sub(r"[^!-~]", "", str(record.get("action", "")))[:32] or "-"
    name = re.sub(r"[^!-~]", "", host)[:255] or "-"
    head = f"<{FACILITY * 8 + severity}>1 {timestamp(row.stored_at)} {name} onemap - {action} [{_ID} {data}] "
    return head.encode() + _BOM + row.body.encode()


def _escaped(value: object) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", str(value))


class SyslogSender:
    """A connection to a log server, opened when there is something to send.

    Parameters
    ----------
    url
        ``udp://host:port``, ``tcp://host:port`` or ``tls://host:port``.
    ca
        Certificates in PEM that the server's is checked with; None means those of the system.
    """

    def __init__(self, url: str, ca: Path | None = None) -> None:
        parts = urlsplit(url)
        self._scheme, self._host, self._port = parts.scheme, parts.hostname or "", parts.port or 514
        self._ca = ca
        self._writer: asyncio.StreamWriter | None = None
        self.url = url

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send messages, in their order; when it fails, any number of them may have arrived.

        Raises
        ------
        Unavailable
            When the server cannot be reached, or its certificate is not trusted.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                if self._scheme == "udp":
                    await asyncio.to_thread(self._send_datagrams, messages)
                else:
                    await self._send_stream(messages)
        except (OSError, TimeoutError) as error:
            await self.close()
            raise Unavailable(f"the log server {self.url} takes nothing: {error or 'no answer'}") from error

    def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        family, _, _, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            for message in messages:
                opened.sendto(message, address)

    async def _send_stream(self, messages: Sequence[bytes]) -> None:
        if self._writer is None or self._writer.is_closing():
            reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._context())
            del reader  # the protocol has no answers
        self._writer.write(b"".join(b"%d %b" % (len(message), message) for message in messages))
        await self._writer.drain()

    def _context(self) -> ssl.SSLContext | None:
        if self._scheme != "tls":
            return None
        try:
            context = ssl.create_default_context(cafile=self._ca)
        except OSError as error:
            raise BadFile(f"{self._ca} holds no certificates: {error}", parameter="audit.syslog_ca") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    async def close(self) -> None:
        """Close the connection; what was sent is flushed."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await writer.wait_closed()
