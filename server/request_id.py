"""The id of a request: in its answer's header, in problem details, in the log and in the audit."""

from __future__ import annotations

import secrets
from contextvars import ContextVar

HEADER = "X-Request-Id"
_ID: ContextVar[str] = ContextVar("request_id", default="")


def begin_request() -> str:
    """Make the id of the request of this task, and of the threads and tasks that it starts."""
    made = secrets.token_hex(8)
    _ID.set(made)
    return made


def request_id() -> str:
    """Return the id of the request of this task; empty outside of requests."""
    return _ID.get()
