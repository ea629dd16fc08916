"""The certificate is read again when its files change, and is refused in words when it cannot be used."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

import server.processes.accept
import server.wire.certificate
from layers.errors import BadInput
from server.processes.accept import Acceptor
from server.wire.certificate import Certificate, server_context, trust_of
from tests.certificates import make_certificate


def test_a_renewed_certificate_serves_the_next_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server.wire.certificate, "_LOOK_SECONDS", 0.0)
    certificate = Certificate(*make_certificate(tmp_path, serial=1))
    first = certificate.context()
    assert certificate.context() is first, "nothing changed"
    (tmp_path / "localhost.key").write_text("half a key", encoding="ascii")
    assert certificate.context() is first, "what cannot be used leaves the old one"
    make_certificate(tmp_path, serial=2)
    assert certificate.context() is not first


def test_what_cannot_be_used_is_said(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    _, other = make_certificate(tmp_path, "other")
    with pytest.raises(BadInput, match="do not belong together"):
        server_context(certificate, other)
    with pytest.raises(BadInput, match="No such file"):
        server_context(tmp_path / "none.crt", key)
    sealed = tmp_path / "sealed.key"
    command = ["openssl", "ec", "-aes256", "-passout", "pass:word", "-in", str(key), "-out", str(sealed)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(BadInput, match="passphrase"):
        server_context(certificate, sealed)


def test_our_own_clients_trust_this_certificate_and_no_other(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    other, other_key = make_certificate(tmp_path, "other")
    assert trust_of(None) is True
    assert trust_of(certificate, "https://map.example") is True, "another server is trusted as the system trusts"
    assert asyncio.run(_handshake(server_context(certificate, key), trust_of(certificate)))
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(_handshake(server_context(other, other_key), trust_of(certificate)))


def test_a_client_that_does_not_complete_the_handshake_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server.processes.accept, "HANDSHAKE_SECONDS_MAX", 0.2)
    context = server_context(*make_certificate(tmp_path))

    async def silent() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            acceptor = Acceptor(listening, set(), asyncio.Protocol, lambda: context)
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            try:
                writer.write(b"\x16\x03")  # the first two bytes of a handshake
                return await asyncio.wait_for(_rest(reader), 60)
            finally:
                acceptor.close()
                writer.close()

    assert asyncio.run(silent()) == b""


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _handshake(served: ssl.SSLContext, trust: ssl.SSLContext) -> str | None:
    server_ = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=served)
    async with server_:
        _, writer = await asyncio.open_connection(*server_.sockets[0].getsockname(), ssl=trust)
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        return version
