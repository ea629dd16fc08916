"""Conditional requests: a client's current copy costs neither a body nor a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Validators:
    """A weak entity tag (bodies carry a time stamp) and the time of the layer's last change, in UTC."""

    etag: str
    changed_at: datetime

    def headers(self) -> dict[str, str]:
        """Return ETag and Last-Modified."""
        return {"ETag": self.etag, "Last-Modified": _http_date(self.changed_at)}


@lru_cache(maxsize=256)  # a layer changes rarely
def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def not_modified(headers: dict[bytes, bytes], validators: Validators) -> bool:
    """Whether the client's copy is current (RFC 9110 13.2.2): If-None-Match, when present, decides alone."""
    tags = headers.get(b"if-none-match")
    if tags is not None:
        given = [tag.strip() for tag in tags.decode("latin-1").split(",")]
        return "*" in given or validators.etag in given or validators.etag.removeprefix("W/") in given
    since = headers.get(b"if-modified-since")
    if since is None:
        return False
    try:
        return validators.changed_at.replace(microsecond=0) <= parsedate_to_datetime(since.decode("latin-1"))
    except (ValueError, TypeError):
        return False
