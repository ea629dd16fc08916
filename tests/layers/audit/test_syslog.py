"""Records reach real log servers over UDP, TCP and TLS, each once, also after an outage."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from layers.audit.chain import StoredRecord
from layers.audit.forward import forward_records
from layers.audit.record import AuditChain
from layers.audit.store import append
from layers.audit.syslog import SyslogSender, syslog_message
from layers.database.connection import Role, connect
from layers.errors import Unavailable

pytestmark = pytest.mark.anyio
AT = datetime(2026, 6, 8, 1, 2, 3, 456000, tzinfo=UTC)
BODY = '{"action":"read","decision":"deny","object":"a\\"b]c\\\\d","subject_id":"张"}'


@asynccontextmanager
async def log_server(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """A log server that reads messages by octet counting."""
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while length := await reader.readuntil(b" "):
            received.put_nowait(await reader.readexactly(int(length)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await read(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], received


def test_a_message_has_the_form_of_rfc_5424():
    row = StoredRecord("sensitive", 7, AT, "sha256", BODY, bytes(32), bytes(32))
    head, bom, body = syslog_message(row, "map 天河").partition(b"\xef\xbb\xbf")
    assert bom
    assert body.decode() == BODY
    found = re.fullmatch(
        r'<108>1 2026-06-08T01:02:03\.456Z map onemap - read \[onemap@32473 ((?:\w+="(?:[^"\\\]]|\\["\\\]])*" ?)+)\] ',
        head.decode(),
    )
    assert found
    assert 'object="a\\"b\\]c\\\\d"' in found[1]
    assert 'seq="7"' in found[1]


async def test_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        sender = SyslogSender(f"udp://127.0.0.1:{server.getsockname()[1]}")
        await sender.send([b"one", b"two"])
        assert [server.recv(100), server.recv(100)] == [b"one", b"two"]


async def test_records_are_forwarded_once_and_in_order(
    database_url: str, writer: asyncpg.Connection, auditor: asyncpg.Connection
):
    owner = await connect(database_url, Role.OWNER)
    await append(writer, AuditChain.SENSITIVE, ['{"action":"login","n":1}', '{"action":"login","n":2}'])
    with socket.socket() as closed:  # a port where nobody listens
        closed.bind(("127.0.0.1", 0))
        away = SyslogSender(f"tcp://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(Unavailable, match="takes nothing"):
            await forward_records(auditor, owner, away)
    async with log_server() as (port, received):
        sender = SyslogSender(f"tcp://127.0.0.1:{port}")
        assert await forward_records(auditor, owner, sender) == 2
        assert await forward_records(auditor, owner, sender) == 0
        await append(writer, AuditChain.SENSITIVE, ['{"action":"login","n":3}'])
        assert await forward_records(auditor, owner, sender) == 1
        bodies = [(await received.get()).rpartition(b"\xbf")[2] for _ in range(3)]
        await sender.close()
    await owner.close()
    assert [body[-2:-1] for body in bodies] == [b"1", b"2", b"3"]


async def test_tls_checks_the_certificate(tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(  # noqa: ASYNC221  # before anything else runs
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=log", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with log_server(context) as (port, received):
        sender = SyslogSender(f"tls://127.0.0.1:{port}", certificate)
        await sender.send([b"secret"])
        assert await received.get() == b"secret"
        await sender.close()
        with pytest.raises(Unavailable, match="certificate"):
            await SyslogSender(f"tls://127.0.0.1:{port}").send([b"secret"])
