"""`/ogc/processes`: what can be computed, described for generic clients, and executed at once or as a job."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Request, Response

from layers.types import Json
from server.dependencies import BaseUrlHere, IdentityHere, StateHere
from server.executions.execute import Execute, perform
from server.executions.process import PROCESSES, RESULT, Process, description, summary
from server.executions.status import job_status, link
from server.http.caching import PRIVATE_HEADERS
from server.identity.identity import Identity
from server.state import State
from twin.executions.job import NoSuchProcess

router = APIRouter(prefix="/ogc/processes", tags=["processes"])
_EXECUTE = "http://www.opengis.net/def/rel/ogc/1.0/execute"
_ASYNC = "respond-async"
Json_F = Annotated[str | None, Query(pattern="^json$", description="json")]
ProcessId = Annotated[str, Path(max_length=80, examples=["locate"])]


@router.get("", summary="过程列表 The list of processes")
async def list_processes(
    request: Request,
    response: Response,
    base: BaseUrlHere,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    f: Json_F = None,
) -> dict[str, Any]:
    """Return a summary of each process."""
    del f
    response.headers.update(PRIVATE_HEADERS)
    openapi = request.app.openapi()
    listed = [summary(one, openapi) | {"links": _links(one, base)} for one in PROCESSES.values()][:limit]
    return {"processes": listed, "links": [link(f"{base}/ogc/processes", "self", "过程 Processes")]}


@router.get("/{process_id}", summary="过程说明 The description of a process")
async def describe_process(
    request: Request,
    response: Response,
    base: BaseUrlHere,
    process_id: ProcessId,
    f: Json_F = None,
) -> dict[str, Any]:
    """Return inputs and outputs with their schemas, so that a form can be made of them."""
    del f
    process = process_of(process_id)
    response.headers.update(PRIVATE_HEADERS)
    return description(process, request.app.openapi()) | {"links": _links(process, base)}


@router.post(
    "/{process_id}/execution",
    summary="执行 Execute a process",
    response_model=None,
    responses={
        200: {"description": "结果 the result", "content": {"application/json": {}, "application/geo+json": {}}},
        201: {
            "description": "已受理为作业 accepted as a job; `Location` is its address",
            "content": {"application/json": {}},
        },
    },
)
async def execute_process(
    request: Request,
    state: StateHere,
    base: BaseUrlHere,
    identity: IdentityHere,
    process_id: ProcessId,
    asked: Execute,
    prefer: Annotated[str | None, Header(description="respond-async 作业方式 as a job")] = None,
) -> Response:
    """Execute a process with some inputs: at once, or with `Prefer: respond-async` as a job.

    The caller's rights count, as in the operation that the process runs. A job belongs to who started it.
    """
    process = process_of(process_id)
    values = asked.values(process, request.app.openapi())
    if _ASYNC in (prefer or "").lower().replace(",", " ").replace(";", " ").split():
        return await _accepted(request, state, base, identity, process, asked, values)
    limit = state.settings.processes.result_bytes
    media_type, body = await perform(request.app, process, values, identity, limit)
    return result_response(asked.response, media_type, body)


async def _accepted(
    request: Request, state: State, base: str, identity: Identity, process: Process, asked: Execute, values: Json
) -> Response:
    limit = state.settings.processes.result_bytes

    async def work() -> tuple[str, bytes]:
        return await perform(request.app, process, values, identity, limit)

    owner, audience = identity.subject.id, identity.actor.audience
    job = await state.jobs.submit(owner, audience, process.id, asked.response, work)
    location = f"{base}/ogc/jobs/{job.id}"
    headers = {"Location": location, "Preference-Applied": _ASYNC, "Cache-Control": "no-store"}
    return Response(orjson.dumps(job_status(job, base)), 201, headers, "application/json")


def process_of(process_id: str) -> Process:
    """Return a process.

    Raises
    ------
    NoSuchProcess
        When there is none of this id.
    """
    found = PROCESSES.get(process_id)
    if found is None:
        known = ", ".join(PROCESSES)
        raise NoSuchProcess(f"there is no process '{process_id[:80]}'; processes are {known}", parameter="processID")
    return found


def result_response(form: str, media_type: str, body: bytes) -> Response:
    """Return a result as it is, or as the document of all outputs."""
    if form == "document":
        body, media_type = b'{"' + RESULT.encode() + b'":' + body + b"}", "application/json"
    return Response(body, 200, PRIVATE_HEADERS, media_type)


def _links(process: Process, base: str) -> list[Json]:
    own = f"{base}/ogc/processes/{process.id}"
    return [
        link(own, "self", "说明 Description"),
        link(f"{own}/execution", _EXECUTE, "执行 Execute"),
        link(f"{base}/ogc/processes", "up", "过程 Processes"),
    ]
