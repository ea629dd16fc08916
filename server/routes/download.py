"""`/twin/download`: a snapshot of the catalogue, or of some of its layers, as one ZIP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.types import Receive, Scope, Send

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.catalog import Layer
from layers.columns.shape import shape_of
from layers.columns.statement import Portion, column_rows, matching
from layers.coordinates.crs import Crs, read_answer_crs
from layers.read.query import ItemsQuery
from server.audit.touched import count_rows, current_note, touch
from server.bulk.desk import written
from server.bulk.sending import send_parts
from server.bulk.snapshot import SnapshotLayer, snapshot_parts
from server.dependencies import ActorHere, StateHere
from server.state import State
from server.surroundings.datum_route import AnswerCrs, made_in

router = APIRouter(prefix="/twin", tags=["twin"])
_ZIP = "application/zip"

LayerNames = Annotated[
    str | None,
    Query(max_length=2000, description="图层，逗号分隔；缺省为可见的全部 layer ids by comma; all by default"),
]


class SnapshotArchive(Response):
    """A ZIP that is made while it is sent."""

    media_type = _ZIP

    def __init__(self, state: State, actor: Actor, layers: list[Layer], crs: Crs) -> None:
        super().__init__()
        self._state, self._actor, self._layers, self._crs = state, actor, layers, crs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, judge and send.

        Raises
        ------
        TooOften
            When this worker sends enough already.
        Forbidden
            When it is more than the reader may take.
        """
        state = self._state
        async with state.bulk.lanes.streams, state.bulk.reading() as reading:
            layers = []
            for layer in self._layers:
                query = ItemsQuery(layer, self._actor, crs=self._crs)
                shape = shape_of(query)
                number, rows = await written(state.pool, matching(query), column_rows(Portion(query), shape))
                (found, _) = await reading.row(number)
                touch(layer, self._actor, action=AuditAction.EXPORT)
                count_rows(found, layer.id)
                layers.append(SnapshotLayer(layer.definition, shape, rows, found))
            watermark = await state.exports.judge(current_note())
            await reading.allow(reading.time_max_s)
            reading.begin(snapshot_parts(reading.session, layers, self._crs, watermark.members if watermark else {}))
            name = watermark.file_name("onemap", "zip") if watermark else "onemap.zip"
            headers = {
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
                **made_in(self._crs),
            }
            await send_parts(scope, receive, send, reading, _ZIP, headers)


@router.get(
    "/download",
    summary="目录打包下载 The catalogue as files",
    response_class=Response,  # of which OpenAPI knows how it is made
    responses={200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}, "description": "a ZIP"}},
)
async def download(
    state: StateHere, actor: ActorHere, layers: LayerNames = None, answer_crs: AnswerCrs = "OGC:CRS84"
) -> SnapshotArchive:
    """Return a ZIP of one GeoParquet file a layer, of one moment, with a manifest of metadata, licences and hashes.

    It holds what the reader may see; who takes more than the allowance names an approval.
    """
    catalog, crs = state.catalog.current, read_answer_crs(answer_crs)
    if layers is None:
        return SnapshotArchive(state, actor, list(catalog.visible_layers(actor)), crs)
    names = dict.fromkeys(name.strip() for name in layers.split(",") if name.strip())
    return SnapshotArchive(state, actor, [catalog.visible(name, actor) for name in names], crs)
