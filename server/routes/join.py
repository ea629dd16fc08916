"""`/twin/join`: two layers joined by place, as pairs or counted, in every format of columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from layers.columns.statement import Portion, column_rows
from layers.errors import BadInput
from server.audit.touched import current_note, touch
from server.audit.watermark import Watermark
from server.bulk.desk import written
from server.bulk.workspace import workspace
from server.dependencies import ActorHere, StateHere
from server.formats.columnar import ColumnFormat, ColumnHead
from server.formats.feature_rows import FEATURE_ROWS
from server.formats.table import FORMATS
from server.http.parameters import parameters_of
from server.joins.request import WITHIN_M_MAX, JoinRequest, read_join
from server.joins.run import Joined, JoinRun, left_shape, right_shape
from server.state import State

router = APIRouter(prefix="/twin", tags=["twin"])
_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}

type Text = str | None


class JoinParams(BaseModel):
    """The query parameters of `/twin/join`; those of a side are as of `/items`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    left: str = Field(max_length=63, description="左图层 the layer on the left", examples=["events"])
    right: str = Field(max_length=63, description="右图层 the layer on the right", examples=["grids"])
    how: Literal["within", "intersects", "nearest"] = Field("within", description="左在右内、相交、最近 how they meet")
    within_m: float | None = Field(
        None, gt=0, le=WITHIN_M_MAX, description="距离（米） metres at most on the ellipsoid"
    )
    aggregate: Text = Field(
        None,
        max_length=2000,
        description="count, sum(x), mean(x), min(x), max(x): 按右要素统计 by feature of the right",
    )
    at: Text = Field(None, max_length=40, description="时刻 as of this moment")
    basis: Text = Field(None, max_length=20, description="known, phenomenon")
    crs: Text = Field(None, max_length=200, description="输出坐标系 of the answer, with aggregate")
    f: str = Field("json", max_length=20, description="json, csv, parquet, arrow, flatgeobuf, gpkg, xlsx")
    left_filter: Text = Field(None, alias="left-filter", description="CQL2")
    right_filter: Text = Field(None, alias="right-filter", description="CQL2")
    left_filter_lang: Text = Field(None, alias="left-filter-lang", max_length=20)
    right_filter_lang: Text = Field(None, alias="right-filter-lang", max_length=20)
    left_filter_crs: Text = Field(None, alias="left-filter-crs", max_length=200)
    right_filter_crs: Text = Field(None, alias="right-filter-crs", max_length=200)
    left_bbox: Text = Field(None, alias="left-bbox", max_length=200)
    right_bbox: Text = Field(None, alias="right-bbox", max_length=200)
    left_bbox_crs: Text = Field(None, alias="left-bbox-crs", max_length=200)
    right_bbox_crs: Text = Field(None, alias="right-bbox-crs", max_length=200)
    left_datetime: Text = Field(None, alias="left-datetime", max_length=100)
    right_datetime: Text = Field(None, alias="right-datetime", max_length=100)
    left_properties: Text = Field(None, alias="left-properties", max_length=4000, description="名称或 * names or *")
    right_properties: Text = Field(None, alias="right-properties", max_length=4000, description="名称或 * names or *")


class JoinedRows(BaseModel):
    """Pairs, or the features of the right with what was counted."""

    type: str = "FeatureCollection"
    number_returned: int = Field(alias="numberReturned")
    features: list[dict[str, object]]


@router.get("/join", summary="Two layers joined by place", response_model=JoinedRows)
async def join_layers(
    request: Request, state: StateHere, actor: ActorHere, params: Annotated[JoinParams, Query()]
) -> StreamingResponse:
    """Join two layers: pairs of features that meet, or for each feature of the right what is counted of the left.

    Both sides are read with the rights of who asks: what is shown as the centre of a cell is joined as that.
    """
    media = _media(params.f)
    limits = state.settings.limits
    given = parameters_of(request.scope["query_string"].decode("latin-1"), limits)
    join = read_join(given, state.catalog.current, actor, limits)
    joined = await _run(state, join)
    _touch(join, joined)
    watermark = await state.exports.judge(current_note())
    name = f"{join.left.layer.id}_{join.how}_{join.right.layer.id}"
    media.check(name, joined.shape, joined.table.num_rows)
    saved = f"{name}.{media.ending}" if watermark is None else watermark.file_name(name, media.ending)
    headers = {
        **_PRIVATE,
        "OGC-NumberReturned": str(joined.table.num_rows),
        "Content-Disposition": f'attachment; filename="{saved}"',
    }
    parts = _parts(media, joined, name, state.bulk.folder, watermark)
    return StreamingResponse(parts, media_type=media.type, headers=headers)


def _media(f: str) -> ColumnFormat:
    known = [FEATURE_ROWS, *(media for media in FORMATS if isinstance(media, ColumnFormat))]
    chosen = next((media for media in known if f == media.f or f in media.aliases), None)
    if chosen is None:
        raise BadInput(f"f is '{f[:40]}'; allowed are {', '.join(media.f for media in known)}", parameter="f")
    return chosen


async def _run(state: State, join: JoinRequest) -> Joined:
    sides = (
        column_rows(Portion(join.left, ordered=not join.measures), left_shape(join)),
        column_rows(Portion(join.right), right_shape(join)),
    )
    async with state.bulk.joins, state.bulk.reading() as reading:
        left, right = await written(state.pool, *sides)
        await reading.allow(state.bulk.stream_timeout_ms)
        return await to_thread.run_sync(JoinRun(join, reading.session, left, right).run)


def _touch(join: JoinRequest, joined: Joined) -> None:
    left, right = join.left, join.right
    if join.measures:
        touch(left.layer, left.actor, fields=False)
    else:
        touch(left.layer, left.actor, rows=joined.left, properties=left.properties)
    touch(right.layer, right.actor, rows=joined.right, properties=right.properties)


def _parts(
    media: ColumnFormat, joined: Joined, name: str, folder: Path, watermark: Watermark | None
) -> Iterator[bytes]:
    with workspace(folder) as own:
        marked = watermark.members if watermark else {}
        head = ColumnHead(name, joined.shape, own, joined.table.num_rows, watermark=marked)
        yield from media.write(head, joined.table.to_batches(max_chunksize=20_000))
