"""Answers of operations in the datum that `answer_crs` names, whatever the operation.

An answer is finished first, with its rights and its masks, and then shifted: no operation knows of datums.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from layers.coordinates.crs import CRS84, Crs, read_answer_crs
from layers.coordinates.datum import Datum
from layers.coordinates.shifted_json import shift_document
from layers.errors import BadInput
from layers.types import Json
from server.http.base_url import base_url
from server.state import state_of

PARAMETER = "answer_crs"
_DESCRIBED: dict[str, Any] = {
    "max_length": 200,
    "description": "答案的坐标：OGC:CRS84（默认）、gcj02 高德、bd09 百度 of places in the answer: OGC:CRS84 (default), "
    "gcj02 or bd09, the shifted datums of phone maps",
    "examples": ["gcj02"],
}
AnswerCrs = Annotated[str, Field(**_DESCRIBED)]
"""The parameter, as a field of a model of parameters."""


async def _declare(answer_crs: Annotated[str, Query(**_DESCRIBED)] = CRS84.short) -> None:
    """Make the parameter one of an operation; the route reads it."""
    del answer_crs


IN_ANY_DATUM = [Depends(_declare)]
"""The parameter, for an operation without a model of parameters."""


class DatumRoute(APIRoute):
    """A route whose answer comes in the datum that is asked for; nothing changes where none is.

    An answer that is sent while it is made, and a file, are made in the datum by their operation: they say so by
    `made_in`, and are left as they are.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            name = await _asked(request)
            if name is None:
                return await handle(request)
            crs = read_answer_crs(name)
            response = await handle(request)
            if response.status_code == 200:
                if crs.datum is not None and response.headers.get("content-crs") != crs.uri:
                    await run_in_threadpool(_shift, response, crs.datum)
                base = base_url(request.scope, state_of(request.app).settings.server.public_url)
                response.headers["Content-Crs"] = f"<{crs.named(base)}>"
            return response

        return answer


def made_in(crs: Crs) -> dict[str, str]:
    """Return the header of an answer that its operation has made in a datum; none for CRS84."""
    return {} if crs.datum is None else {"Content-Crs": crs.uri}


async def _asked(request: Request) -> str | None:
    """Return the parameter of a request, from its address or its body; None where it has none."""
    name = request.query_params.get(PARAMETER)
    if name is not None or request.method != "POST":
        return name
    text = await request.body()
    if PARAMETER.encode() not in text:
        return None
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None  # the operation says what is wrong
    found = body.get(PARAMETER) if isinstance(body, dict) else None
    return found if isinstance(found, str) else None


def _shift(response: Response, datum: Datum) -> None:
    """Put the body of a response into a datum."""
    kind = response.headers.get("content-type", "").partition(";")[0]
    body = bytes(getattr(response, "body", b""))
    if kind in {"application/json", "application/geo+json"} and body:
        document: Json = orjson.loads(body)
        shift_document(document, datum)
        response.body = orjson.dumps(document)
    else:
        raise BadInput(f"{PARAMETER}={datum} changes nothing in {kind}, and is refused", parameter=PARAMETER)
    response.headers["Content-Length"] = str(len(response.body))
