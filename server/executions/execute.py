"""The request for an execution: read as the standard has it, and performed as a request to our own operation."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from layers.errors import BadInput, NotFound, TooMuch
from layers.types import Json
from server.executions.process import RESULT, Process, inputs_of
from server.identity.identity import Identity, keep_identity

_QUALIFIED = frozenset({"value", "mediaType", "encoding", "schema", "format"})


class Execute(BaseModel):
    """A request to execute a process (`execute.yaml` of the standard)."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any] = Field(default_factory=dict, description="by name: the value, or {value: …}")
    outputs: dict[str, Any] | None = Field(None, description="the outputs that are wanted; there is one: result")
    response: Literal["raw", "document"] = "raw"

    def values(self, process: Process, openapi: Json) -> Json:
        """Return the values of the inputs.

        Raises
        ------
        BadInput
            When one is unknown, lacking, or given by reference; or when an output is asked for that there is not.
        """
        known = inputs_of(process, openapi)
        unknown = [name for name in self.inputs if name not in known]
        if unknown:
            raise BadInput(
                f"'{unknown[0][:60]}' is no input of '{process.id}'; inputs are {', '.join(known)}", parameter="inputs"
            )
        lacking = [name for name, one in known.items() if one["minOccurs"] and name not in self.inputs]
        if lacking:
            raise BadInput(f"'{process.id}' needs the input '{lacking[0]}'", parameter="inputs")
        for name, how in (self.outputs or {}).items():
            if name != RESULT:
                raise BadInput(f"'{name[:60]}' is no output; there is one: {RESULT}", parameter="outputs")
            if isinstance(how, dict) and how.get("transmissionMode", "value") != "value":
                raise BadInput("transmissionMode can only be 'value'", parameter="outputs")
        return {name: _value(name, given) for name, given in self.inputs.items()}


def _value(name: str, given: Any) -> Any:
    """Return the value of an input; we fetch nothing from an address that a stranger names."""
    if not isinstance(given, dict):
        return given
    if "href" in given:
        raise BadInput(f"input '{name}' is given by reference; send its value", parameter="inputs")
    return given["value"] if "value" in given and given.keys() <= _QUALIFIED else given


@dataclass(slots=True)
class _Answer:
    """The answer of an operation while it comes."""

    bytes_max: int
    media_type: str = "application/json"
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    is_whole: bool = False

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """Take one message of the operation's.

        Raises
        ------
        TooMuch
            When the result is larger than is allowed.
        """
        if message["type"] == "http.response.start":
            self.media_type = dict(message["headers"]).get(b"content-type", b"application/json").decode("latin-1")
            return
        part = message.get("body", b"")
        self.parts.append(part)
        self.size += len(part)
        if self.size > self.bytes_max:
            raise self.too_much()
        self.is_whole = not message.get("more_body", False)

    def too_much(self) -> TooMuch:
        """Return the error of a result that is larger than is allowed."""
        return TooMuch(f"the result is larger than {self.bytes_max} bytes; ask for less at once")

    def whole(self) -> tuple[str, bytes]:
        """Return media type and body.

        Raises
        ------
        TooMuch
            When the operation ended before its answer did: what sends while it reads cuts what is too much.
        """
        if not self.is_whole:
            raise self.too_much()
        return self.media_type, b"".join(self.parts)


async def perform(
    app: FastAPI, process: Process, values: Json, identity: Identity, bytes_max: int
) -> tuple[str, bytes]:
    """Run the operation of a process under the rights of a caller; return media type and body.

    Raises
    ------
    BadInput
        When a value is not what the operation takes.
    OneMapError
        Whatever the operation raises.
    """
    answer = _Answer(bytes_max)
    path, query, body = _addressed(process, values)
    asked = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        message = next(asked, None)
        if message is None:  # whoever waits for an execution goes by cancelling its task
            await asyncio.Event().wait()
        return message or {"type": "http.disconnect"}

    async with AsyncExitStack() as stack:
        scope = _scope(app, process, path, query) | {"fastapi_middleware_astack": stack}
        keep_identity(scope, identity)
        try:
            await app.router(scope, receive, answer.take)
        except RequestValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
            raise BadInput(faults, parameter="inputs") from error
        except HTTPException as error:
            raise NotFound(str(error.detail)) from error
    return answer.whole()


def _addressed(process: Process, values: Json) -> tuple[str, bytes, bytes]:
    """Return path, query and body of the operation's request."""
    path = process.path
    rest = dict(values)
    for name in list(rest):
        if f"{{{name}}}" in path:
            text = str(rest.pop(name))
            if not text or "/" in text:  # it would be the address of another operation
                raise BadInput(f"input '{name}' is '{text[:60]}'; it is one part of an address", parameter="inputs")
            path = path.replace(f"{{{name}}}", text)
    if process.method == "post":
        return path, b"", orjson.dumps(rest)
    pairs = [(name, _text(name, value)) for name, value in rest.items() if value is not None]
    return path, urlencode(pairs).encode("ascii"), b""


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(name, one) for one in value)
    if isinstance(value, dict):
        raise BadInput(f"input '{name}' is an object; a text, a number or a list is taken", parameter="inputs")
    return str(value)


def _scope(app: FastAPI, process: Process, path: str, query: bytes) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": process.method.upper(),
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode("ascii"),
        "query_string": query,
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"accept", b"application/json"), (b"host", b"localhost")],
        "client": None,
        "server": None,
        "app": app,
        "state": {},
    }
