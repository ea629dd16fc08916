"""`/twin/join`: two layers joined by place, as pairs or counted, in every format of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import pyarrow as pa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from layers.clause import Clause
from layers.columns.statement import Portion, column_rows
from layers.errors import BadInput
from server.audit.touched import current_note, touch
from server.audit.watermark import Watermark
from server.bulk.about import about_datum
from server.bulk.desk import written
from server.bulk.sending import send_parts, watched
from server.bulk.workspace import workspace
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.formats.columnar import ColumnFormat, ColumnHead
from server.formats.feature_rows import FEATURE_ROWS
from server.formats.table import FORMATS, check_crs
from server.http.caching import PRIVATE_HEADERS
from server.http.parameters import parameters_of
from server.joins.request import WITHIN_M_MAX, JoinRequest, read_join
from server.joins.run import SECONDS_MAX, Joined, JoinRun, left_shape, right_shape
from server.state import State

router = APIRouter(prefix="/twin", tags=["twin"])
_FORMS: tuple[ColumnFormat, ...] = (FEATURE_ROWS, *(media for media in FORMATS if isinstance(media, ColumnFormat)))
_BATCH_ROWS_MAX = 20_000
_BATCH_BYTES = 8 * 1024 * 1024

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
    crs: Text = Field(None, max_length=200, description="输出坐标系，含 gcj02、bd09 of the answer, also gcj02 and bd09")
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


class JoinAnswer(Response):
    """The rows of a join in a format of columns; the join is run and written while its client waits for it."""

    def __init__(self, state: State, join: JoinRequest, media: ColumnFormat, base: str) -> None:
        super().__init__(media_type=media.type, headers={"Content-Crs": f"<{join.crs.named(base)}>"})
        self._state, self._join, self._media = state, join, media

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Join, judge and send.

        Raises
        ------
        TooOften
            When this worker joins enough already.
        TooMuch
            When a side, the pairs or the time are more than is allowed, or the format holds fewer rows.
        Forbidden
            When it is more than the reader may take.
        """
        state, join, media = self._state, self._join, self._media
        async with state.bulk.lanes.joins, state.bulk.reading() as reading:
            left, right = await written(state.pool, *_sides(join))
            await reading.allow(SECONDS_MAX)
            async with watched(receive, reading):
                joined = await reading.run(JoinRun(join, reading.session, left, right).run)
            await reading.end_session()
            _touch(join, joined)
            watermark = await state.exports.judge(current_note())
            name = f"{join.left.layer.id}_{join.how}_{join.right.layer.id}"
            media.check(name, joined.shape, joined.table.num_rows)
            with workspace(state.bulk.folder) as folder:
                marked = watermark.members if watermark else {}
                about = about_datum(join.crs)
                head = ColumnHead(name, joined.shape, folder, joined.table.num_rows, about, watermark=marked)
                reading.begin(media.write(head, _batches(joined.table)))
                headers = _headers(media, joined, name, watermark) | {"Content-Crs": self.headers["content-crs"]}
                await send_parts(scope, receive, send, reading, media.type, headers)


@router.get(
    "/join",
    summary="两个图层按位置连接 Two layers joined by place",
    response_class=Response,  # of which OpenAPI knows how it is made
    responses={200: {"model": JoinedRows}},
)
async def join_layers(
    request: Request, state: StateHere, actor: ActorHere, base: BaseUrlHere, params: Annotated[JoinParams, Query()]
) -> JoinAnswer:
    """Join two layers: pairs of features that meet, or for each feature of the right what is counted of the left.

    Both sides are read with the rights of who asks: what is shown as the centre of a cell is joined as that.
    """
    media = _media(params.f)
    limits = state.settings.limits
    given = parameters_of(request.scope["query_string"].decode("latin-1"), limits)
    join = read_join(given, state.catalog.current, actor, limits)
    check_crs(media, join.crs, _FORMS)
    return JoinAnswer(state, join, media, base)


def _media(f: str) -> ColumnFormat:
    chosen = next((media for media in _FORMS if f == media.f or f in media.aliases), None)
    if chosen is None:
        raise BadInput(f"f is '{f[:40]}'; allowed are {', '.join(media.f for media in _FORMS)}", parameter="f")
    return chosen


def _sides(join: JoinRequest) -> tuple[Clause, Clause]:
    return (
        column_rows(Portion(join.left, ordered=not join.measures), left_shape(join)),
        column_rows(Portion(join.right), right_shape(join)),
    )


def _touch(join: JoinRequest, joined: Joined) -> None:
    left, right = join.left, join.right
    if not join.measures:
        touch(left.layer, left.actor, rows=joined.left, properties=left.properties)
    else:
        touch(left.layer, left.actor, fields=False, computed=join.measured)
    touch(right.layer, right.actor, rows=joined.right, properties=right.properties)


def _headers(media: ColumnFormat, joined: Joined, name: str, watermark: Watermark | None) -> dict[str, str]:
    saved = f"{name}.{media.ending}" if watermark is None else watermark.file_name(name, media.ending)
    return {
        **PRIVATE_HEADERS,
        "OGC-NumberReturned": str(joined.table.num_rows),
        "Content-Disposition": f'attachment; filename="{saved}"',
    }


def _batches(table: pa.Table) -> Sequence[pa.RecordBatch]:
    """Return the rows in batches that are small as text too."""
    mean_bytes = table.nbytes // max(1, table.num_rows)
    rows = max(1, min(_BATCH_ROWS_MAX, _BATCH_BYTES // max(1, mean_bytes)))
    batches: list[pa.RecordBatch] = table.to_batches(max_chunksize=rows)
    return batches
