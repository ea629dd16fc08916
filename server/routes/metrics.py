"""`/metrics`: metrics for Prometheus, for operators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from layers.database.connection import in_our_words
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.metrics import MEDIA_TYPE, prometheus_text, service_metrics, worker_metrics

router = APIRouter(tags=["health"])
_Guarded = Annotated[Identity, Depends(require_duty("metrics"))]


@router.get("/metrics", responses={200: {"content": {MEDIA_TYPE: {}}}}, response_class=Response)
async def metrics(state: StateHere, _: _Guarded) -> Response:
    """Tell the figures of this worker, and those of the service that the database keeps."""
    with in_our_words():
        async with state.pool.acquire() as connection:
            shared = await service_metrics(connection, state)
    body = prometheus_text(*worker_metrics(state), *shared)
    return Response(body, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
