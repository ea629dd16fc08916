"""TLS: the certificate of this server, read again when its files change, and the trust of our own clients in it."""

from __future__ import annotations

import ssl
from pathlib import Path
from time import monotonic

import structlog

from layers.errors import BadInput
from layers.seldom import Seldom

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; all of TLS 1.3 are sound
_LOOK_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Certificate:
    """A certificate with its chain, and its key.

    A renewed certificate is used for the next connection, without a restart. While the new files do not belong
    together, the old certificate stays.

    Parameters
    ----------
    certificate
        PEM file: the server's certificate, then those of its authorities.
    key
        PEM file of the key, without a passphrase.

    Raises
    ------
    BadInput
        When the files cannot be read or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._stamp()
        self._looked = monotonic()
        self._context = server_context(certificate, key)
        self._failed = Seldom()

    def context(self) -> ssl.SSLContext:
        """Return the context of the next connection; it looks at the files at most once a second."""
        now = monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._context

    def _look(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            self._context = server_context(*self._files)
        except BadInput as error:
            if self._failed.due() is not None:
                _log.warning("the certificate changed and cannot be used; the old one stays", error=error.message)
            return
        self._seen = stamp
        _log.info("the certificate was read again", file=str(self._files[0]))

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server's context: TLS 1.2 and newer, forward secrecy, no renegotiation.

    Raises
    ------
    BadInput
        When the files cannot be read or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_refuse_passphrase)
    except (OSError, ssl.SSLError) as error:
        reason = "they do not belong together" if "MISMATCH" in str(error) else error.strerror or str(error)
        raise BadInput(
            f"the certificate {certificate} with the key {key} cannot be used: {reason}; both are PEM files",
            parameter="server.tls_certificate",
        ) from error
    return context


def _refuse_passphrase() -> str:
    raise BadInput(
        "the key of the certificate has a passphrase, which nobody could type at a restart; give a key without one",
        parameter="server.tls_key",
    )


def trust_of(certificate: Path | None, url: str | None = None) -> ssl.SSLContext | bool:
    """Return the trust of a client, in the form of httpx.

    Parameters
    ----------
    certificate
        This server's own certificate; None when it speaks no TLS.
    url
        The address of another server; None means this one, by an address of this machine that its certificate need
        not name. It is trusted by the certificate itself.
    """
    if certificate is None or url is not None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate needs no authority in the file
    context.load_verify_locations(certificate)
    return context


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
