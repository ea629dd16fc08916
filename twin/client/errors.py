"""Errors of the client: what the server says in its problem documents (RFC 9457), as exceptions."""

from __future__ import annotations

import json

import httpx


class TwinError(Exception):
    """The server did not answer as asked.

    Attributes
    ----------
    detail
        The server's words: what was given and what is allowed.
    parameter
        The parameter that is to blame; None when no single one is.
    status
        The HTTP status; None when there was no answer.
    request_id
        The number by which the server's log and audit know the request; None when there was no answer.
    """

    def __init__(
        self, detail: str, *, parameter: str | None = None, status: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail, self.parameter, self.status, self.request_id = detail, parameter, status, request_id

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook: the fault is in the question, not in these files."""
        return [f"{type(self).__name__}: {self.detail}"]


class BadRequest(TwinError):
    """The question is wrong, or asks for more than a limit allows."""


class NotYours(TwinError):
    """The token is wrong, or the caller may not have this."""


class Missing(TwinError):
    """There is no such layer, feature or address, or not for this caller."""


class NotAvailable(TwinError):
    """The server is not reached, or is busy.

    Attributes
    ----------
    retry_after_s
        Seconds after which the server wants to be asked again; None when it said nothing.
    """

    def __init__(self, detail: str, *, retry_after_s: float | None = None, status: int | None = None) -> None:
        super().__init__(detail, status=status)
        self.retry_after_s = retry_after_s


class Gap(TwinError):
    """Changes were lost, or the rights changed: the state must be read again before the stream goes on."""


_KINDS: dict[int, type[TwinError]] = {401: NotYours, 403: NotYours, 404: Missing, 410: Missing}
_BUSY = frozenset({429, 502, 503, 504})


def error_of(response: httpx.Response) -> TwinError:
    """Return the exception of a failed answer whose body was read.

    Both forms of the server are read: problem details, and the exceptions of OGC API - Common.
    """
    document = _document(response)
    detail = str(document.get("detail") or document.get("description") or f"HTTP {response.status_code}")
    if response.status_code in _BUSY:
        return NotAvailable(detail, retry_after_s=retry_after_s(response), status=response.status_code)
    kind = _KINDS.get(response.status_code, BadRequest if response.status_code < 500 else TwinError)
    return kind(
        detail,
        parameter=document.get("parameter"),
        status=response.status_code,
        request_id=document.get("request_id") or response.headers.get("X-Request-Id"),
    )


def retry_after_s(response: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`; None where it is absent or no number."""
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _document(response: httpx.Response) -> dict[str, str]:
    try:
        found = json.loads(response.content)
    except ValueError:  # not of OneMap: a gateway's page
        return {}
    return found if isinstance(found, dict) else {}
