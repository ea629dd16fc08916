"""`/ogc/jobs`: the jobs of who asks: their states, their results, and the way to dismiss them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Response

from layers.errors import BadInput, NotFound
from server.audit.touched import touch
from server.dependencies import BaseUrlHere, IdentityHere, StateHere
from server.errors import respond
from server.executions.status import job_status, link
from server.routes.answers.processes import result_response
from twin.executions.job import STATUSES, NoSuchJob, ProcessJob, ResultNotReady

router = APIRouter(prefix="/ogc/jobs", tags=["processes"])
_NO_STORE = {"Cache-Control": "no-store", "Vary": "Authorization"}
JobId = Annotated[str, Path(max_length=80)]


@router.get("", summary="我的作业 The caller's jobs")
async def list_jobs(
    state: StateHere,
    response: Response,
    base: BaseUrlHere,
    identity: IdentityHere,
    process_id: Annotated[str, Query(alias="processID", max_length=400, description="过程，逗号分隔 by comma")] = "",
    status: Annotated[str, Query(max_length=200, description=f"{', '.join(STATUSES)}; by comma")] = "",
    type_: Annotated[str, Query(alias="type", max_length=100, description="process")] = "process",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List the jobs of who asks, the newest first; of strangers nobody knows who is who, and the list is empty."""
    wanted = [one for one in status.split(",") if one]
    if unknown := [one for one in wanted if one not in STATUSES]:
        raise BadInput(f"status is '{unknown[0][:40]}'; allowed are {', '.join(STATUSES)}", parameter="status")
    processes = [one for one in process_id.replace("\0", "").split(",") if one]
    response.headers.update(_NO_STORE)
    found: list[ProcessJob] = []
    if not identity.is_anonymous and "process" in type_.split(","):
        found = await state.jobs.ledger.of_owner(identity.subject.id, processes, wanted, limit)
    return {"jobs": [job_status(job, base) for job in found], "links": [link(f"{base}/ogc/jobs", "self", "作业 Jobs")]}


@router.get("/{job_id}", summary="作业状态 The status of a job")
async def job(
    state: StateHere, response: Response, base: BaseUrlHere, identity: IdentityHere, job_id: JobId
) -> dict[str, Any]:
    """Return the status of a job of who asks."""
    response.headers.update(_NO_STORE)
    return job_status(await state.jobs.ledger.find(_uuid(job_id), identity.subject.id), base)


@router.get("/{job_id}/results", summary="作业结果 The results of a job", response_model=None)
async def job_results(state: StateHere, identity: IdentityHere, job_id: JobId) -> Response:
    """Return the result of a job of who asks; of a failed one, why it failed."""
    owner, actor = identity.subject.id, identity.actor
    found = await state.jobs.ledger.find(_uuid(job_id), owner)
    if found.status == "failed":
        return respond("/ogc/jobs", found.fault_status or 500, found.message or "the job failed")
    result = await state.jobs.ledger.result(found.id, owner)
    if result is None:
        if found.status == "dismissed":
            raise NoSuchJob(f"job '{job_id}' was dismissed, and has no results", parameter="jobID")
        raise ResultNotReady(f"job '{job_id}' is {found.status}; ask for its status first", parameter="jobID")
    if found.audience != actor.audience:
        raise NotFound("your rights are no longer those under which this was computed; start the job again")
    catalog = state.catalog.current
    for name, number in result.taken:
        if name in catalog:
            touch(catalog.visible(name, actor), actor, rows=number)
    response = result_response(found.response, result.media_type, result.body)
    response.headers.update(_NO_STORE)
    return response


@router.delete("/{job_id}", summary="撤销作业 Dismiss a job", response_model=None)
async def dismiss_job(state: StateHere, base: BaseUrlHere, identity: IdentityHere, job_id: JobId) -> Response:
    """Give up a job of who asks, or remove its results."""
    found = await state.jobs.dismiss(_uuid(job_id), identity.subject.id)
    return Response(orjson.dumps(job_status(found, base)), 200, _NO_STORE, "application/json")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NoSuchJob(f"there is no job '{text[:80]}' of yours", parameter="jobID") from error
