"""`/metrics`: figures for Prometheus, for operators."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from layers.database.connection import in_our_words
from server.identity.operators import Operator
from server.metrics import MEDIA_TYPE, of_service, of_worker, written
from server.state import State

router = APIRouter(tags=["health"])


@router.get("/metrics", responses={200: {"content": {MEDIA_TYPE: {}}}}, response_class=Response)
async def metrics(request: Request, _operator: Operator) -> Response:
    """Tell the figures of this worker, and those of the service that the database keeps."""
    state: State = request.app.state.shared
    with in_our_words():
        async with state.pool.acquire() as connection:
            shared = await of_service(connection, state)
    body = written(*of_worker(state, request.app.state.tail), *shared)
    return Response(body, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
