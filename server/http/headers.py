"""The headers of every answer, added in one place so that no route can forget them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import Message

from server.http.caching import PRIVATE

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", PRIVATE.encode()),
)
_BY_READER = (b"vary", b"Authorization")


def complete(start: Message, more: Mapping[str, str]) -> None:
    """Add the default headers that an answer lacks, and `more`; no redirect repeats the Host header."""
    headers = list(start.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    if not present & {b"vary", b"cache-control"}:
        headers.append(_BY_READER)
    headers += [header for header in _ALWAYS if header[0] not in present]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in more.items()]
    if 300 <= start["status"] < 400:
        headers = [(name, _relative(value) if name.lower() == b"location" else value) for name, value in headers]
    start["headers"] = headers


def _relative(location: bytes) -> bytes:
    return urlsplit(location.decode("latin-1"))._replace(scheme="", netloc="").geturl().encode("latin-1")
