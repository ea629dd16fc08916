"""Errors as HTTP responses: one table of status codes, RFC 9457 on our routes, OGC exceptions on OGC routes."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from layers.database.faults import in_words
from layers.errors import (
    BadInput,
    Conflict,
    Forbidden,
    NotFound,
    OneMapError,
    TooMuch,
    TooOften,
    Unauthenticated,
    Unavailable,
)
from server.request_id import request_id
from twin.executions.job import NoSuchJob, NoSuchProcess, ResultNotReady
from twin.intake.pipeline import Crowded

STATUS_CODES: dict[type[OneMapError], int] = {
    BadInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMuch: 413,
    TooOften: 429,
    Crowded: 429,
    Unavailable: 503,
}
OGC_CODES = {
    400: "InvalidParameterValue",
    401: "NotAuthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    413: "LimitExceeded",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}
_PROCESSES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
OGC_TYPES: dict[type[OneMapError], str] = {
    NoSuchProcess: f"{_PROCESSES}/no-such-process",
    NoSuchJob: f"{_PROCESSES}/no-such-job",
    ResultNotReady: f"{_PROCESSES}/result-not-ready",
}
"""The types that a standard of OGC gives to some errors."""
_log = structlog.get_logger(__name__)


def status_of(error: OneMapError) -> int:
    """Return the status code of the nearest class of an error in the table; 500 when there is none."""
    return next((STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES), 500)


def problem(status: int, detail: str, parameter: str | None = None) -> Response:
    """Return a response with RFC 9457 problem details and the id under which the log and the audit know the request."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": OGC_CODES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    if parameter:
        body["parameter"] = parameter
    if request_id():
        body["request_id"] = request_id()
    return Response(orjson.dumps(body), status, _headers(status), "application/problem+json")


def ogc_exception(status: int, description: str, kind: str | None = None) -> Response:
    """Return a response with an exception of OGC API - Common; with a `type` as Processes has it, of RFC 7807."""
    code = OGC_CODES.get(status, "InternalError")
    body: dict[str, object] = {"code": code, "type": kind or code, "description": description}
    if kind is not None:
        body |= {"title": code, "status": status, "detail": description}
    return Response(orjson.dumps(body), status, _headers(status), "application/json")


def _headers(status: int) -> dict[str, str]:
    extra = {401: {"WWW-Authenticate": 'Bearer realm="OneMap"'}, 429: {"Retry-After": "1"}, 503: {"Retry-After": "2"}}
    return {"Cache-Control": "no-store", **extra.get(status, {})}


def respond(path: str, status: int, detail: str, parameter: str | None = None) -> Response:
    """Return an error response in the form of the path: an OGC exception under `/ogc`, else problem details."""
    if path == "/ogc" or path.startswith("/ogc/"):
        return ogc_exception(status, detail)
    return problem(status, detail, parameter)


def respond_to(path: str, error: Exception) -> Response:
    """Return a response to any exception.

    The message of a known error is sent as it is. An unexpected error is logged, and its number in the log is sent.
    """
    known = error if isinstance(error, OneMapError) else in_words(error)
    if known is not None:
        kind = OGC_TYPES.get(type(known))
        if kind is not None:
            return ogc_exception(status_of(known), known.message, kind)
        response = respond(path, status_of(known), known.message, known.parameter)
        if isinstance(known, TooOften):
            response.headers["Retry-After"] = str(known.retry_after_s)
        return response
    number = uuid.uuid4().hex[:12]
    _log.error("unexpected error", error_id=number, path=path, exc_info=error)
    return respond(path, 500, f"something went wrong on our side; the log has it as {number}")


def detail_of(response: Response) -> str:
    """Return what an error response of ours says."""
    document = orjson.loads(response.body)
    return str(document.get("detail") or document.get("description") or "")


def install(app: FastAPI, shown: Callable[[Request, Response], Response]) -> None:
    """Register our error responses for requests that the framework refuses; `server.front` handles all other errors.

    Parameters
    ----------
    shown
        Returns a response as the client of a request wants it: a page for a person.
    """

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # the only class registered
        response = respond(request.url.path, error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return shown(request, response)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # the only class registered
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in error.errors())
        return shown(request, respond(request.url.path, 400, faults))

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
