"""The headers of every answer, added in one place so that no route can forget them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import Message

from server.http.caching import PRIVATE
from server.http.elsewhere import leads_elsewhere

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": PRIVATE.encode(),
}
"""Headers of every answer that lacks them."""
PAGES = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"permissions-policy": b"camera=(), display-capture=(), geolocation=(self), microphone=(), payment=(), usb=()",
    b"x-frame-options": b"DENY",  # for browsers that know no frame-ancestors
}
"""Headers of HTML pages; scripts and styles are files of ours, and none stands in a page."""
SECURE = {b"strict-transport-security": b"max-age=31536000"}
"""Headers of answers over TLS."""
_READER, _BY_READER = b"Authorization", b"Authorization, Cookie"  # a session is a cookie
_HTML = b"text/html"


def complete(start: Message, more: Mapping[str, str], *, is_secure: bool = False) -> None:
    """Add the headers that an answer lacks, and `more`; no redirect repeats the Host header."""
    headers = list(start.get("headers", ()))
    present = {name.lower(): value for name, value in headers}
    if _READER in present.get(b"vary", b""):
        headers = [
            (name, value.replace(_READER, _BY_READER)) if name.lower() == b"vary" else (name, value)
            for name, value in headers
        ]
    elif not present.keys() & {b"vary", b"cache-control"}:
        headers.append((b"vary", _BY_READER))
    lacking = {**ALWAYS, **(SECURE if is_secure else {})}
    if present.get(b"content-type", b"").startswith(_HTML):
        lacking |= PAGES
    headers += [header for header in lacking.items() if header[0] not in present]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in more.items()]
    if 300 <= start["status"] < 400 and not leads_elsewhere(start):
        headers = [(name, _relative(value) if name.lower() == b"location" else value) for name, value in headers]
    start["headers"] = headers


def _by_reader(name: bytes, value: bytes) -> bytes:
    return value.replace(_READER, _BY_READER) if name.lower() == b"vary" else value


def _relative(location: bytes) -> bytes:
    return urlsplit(location.decode("latin-1"))._replace(scheme="", netloc="").geturl().encode("latin-1")
