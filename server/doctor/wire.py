"""Checks of the wire: TLS, the certificate and its key, gateways, and the operators' port."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from layers.errors import BadInput
from server.doctor.machine import Finding, FindingState, well
from server.settings import ServerSettings
from server.wire.certificate import server_context
from server.wire.listen import is_reached_from_here_alone

_SUBJECT = "传输加密 TLS"
_SOON = timedelta(days=30)


def examine_wire(server: ServerSettings, now: datetime) -> Iterator[Finding]:
    """Check how strangers and operators reach the service."""
    if server.tls_certificate is not None and server.tls_key is not None:
        yield from _certificate(server.tls_certificate, server.tls_key, now)
    elif is_reached_from_here_alone(server):
        yield well(_SUBJECT, f"none is needed: {server.host} is reached from this machine alone")
    elif server.proxies:
        named = ", ".join(map(str, server.proxies))
        yield well(_SUBJECT, f"ended by the gateways in {named}; nobody else may reach {server.host}:{server.port}")
    else:
        detail = f"{server.host} is reached without TLS: tokens, cookies and data are sent in clear"
        remedy = "set server.tls_certificate and server.tls_key, or listen on 127.0.0.1 behind a gateway"
        yield Finding(FindingState.WRONG, _SUBJECT, detail, remedy)
    if server.admin_port is None and not is_reached_from_here_alone(server):
        detail = "operators' addresses (metrics, feeds, refused, audit) are on the public port"
        remedy = "set server.admin_port and server.admin_host"
        yield Finding(FindingState.WARNING, "管理端口 operators' port", detail, remedy)


def _certificate(certificate: Path, key: Path, now: datetime) -> Iterator[Finding]:
    try:
        server_context(certificate, key)
        shown = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (BadInput, OSError, ValueError, ssl.SSLError) as error:
        yield Finding(FindingState.WRONG, _SUBJECT, str(error), "give the files that your authority issued")
        return
    ends = shown.not_valid_after_utc
    detail = f"{certificate} is valid until {ends.astimezone(UTC):%Y-%m-%d}"
    renew = "renew it; the new file is taken up without a restart"
    if ends <= now:
        yield Finding(FindingState.WRONG, _SUBJECT, f"{detail}, which is over", renew)
    elif ends - now < _SOON:
        yield Finding(FindingState.WARNING, _SUBJECT, detail, renew)
    else:
        yield well(_SUBJECT, detail)
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & 0o077:
        yield Finding(
            FindingState.WRONG, "私钥 TLS key", f"{key} can be read by others (mode {mode:o})", f"chmod 600 {key}"
        )
