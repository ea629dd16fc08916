"""`/layers`: every layer with its rows, source and grade; those that were made from files are titled and removed.

A layer gets another id at the command line: addresses of clients change with it, and a web worker makes no tables.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.catalog import read_catalog
from layers.database.connection import Role, connected, in_our_words
from layers.errors import BadInput
from layers.schema.layer_titles import remove_kept_layer, title_layer, titled_here
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.state import State

router = APIRouter(prefix="/layers", tags=["layers"])
_Keeping = Annotated[Identity, Depends(require_duty("layers"))]
LayerName = Annotated[str, Path(max_length=63, description="图层编号 id of the layer")]


class KeptLayer(BaseModel):
    """A layer as whoever keeps the layers sees it: all of its rows are counted, whoever may see them."""

    id: str
    title_zh: str
    title_en: str
    group_zh: str
    group_en: str
    geometry_type: str
    rows: int
    version: int
    grade: int
    source: str | None
    synthetic: bool
    changed_at: datetime = Field(description="最近一次变更 the last load or change")
    declared: bool = Field(description="由定义文件声明，在文件中修改 declared by a file, which is where it is changed")


class ChangedLayer(BaseModel):
    """New titles of a layer; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    title_zh: str | None = Field(default=None, min_length=1, max_length=200)
    title_en: str | None = Field(default=None, max_length=200)
    group_zh: str | None = Field(default=None, min_length=1, max_length=100, description="分组 group")


@router.get("", summary="全部图层 All layers")
async def show_layers(response: Response, state: StateHere, _: _Keeping) -> list[KeptLayer]:
    """List every layer of the catalogue, also those whose rows the caller may not read."""
    response.headers["Cache-Control"] = "no-store"
    return await read_layers(state)


@router.patch("/{layer}", summary="改图层名 Title a layer")
async def change(
    layer: LayerName, wanted: ChangedLayer, request: Request, state: StateHere, _: _Keeping
) -> dict[str, str]:
    """Give a layer that was made from a file other titles or another group; the map follows at once."""
    given = wanted.model_dump(exclude_none=True)
    if not given:
        raise BadInput("没有要修改的内容 nothing to change was given", parameter="title_zh")
    detail = {"operation": "title"}
    await state.audit.note(AuditAction.ADMIN, f"layer/{layer}", scope=request.scope, detail=detail)
    with in_our_words():
        async with connected(str(state.settings.database.url), Role.INGEST) as connection:
            await title_layer(connection, layer, **given)
    return {"id": layer, **given}


@router.delete("/{layer}", summary="移除图层 Remove a layer", status_code=204)
async def remove(
    layer: LayerName,
    confirm: Annotated[str, Query(max_length=63, description="再写一次图层编号 the id of the layer once more")],
    request: Request,
    state: StateHere,
    _: _Keeping,
) -> None:
    """Remove a layer that was made from a file, with its rows and their past; they cannot be had again."""
    if confirm.strip() != layer:
        raise BadInput(f"请写出要删除的图层编号 to remove it, confirm is '{layer}'", parameter="confirm")
    kept = state.catalog.current.get(layer)
    detail: dict[str, str | int] = {"operation": "drop", "rows": kept.row_count if kept else 0}
    await state.audit.note(AuditAction.ADMIN, f"layer/{layer}", scope=request.scope, detail=detail)
    with in_our_words():
        async with connected(str(state.settings.database.url), Role.INGEST) as connection:
            await remove_kept_layer(connection, layer)


async def read_layers(state: State) -> list[KeptLayer]:
    """Return every layer as the database has it now: who changed one sees it so, whichever worker answers."""
    with in_our_words():
        async with state.pool.acquire() as connection:
            editable = await titled_here(connection)
            catalog = await read_catalog(connection, before=state.catalog.current)
    return [
        KeptLayer(
            id=one.id,
            title_zh=one.definition.title_zh,
            title_en=one.definition.title_en,
            group_zh=one.definition.map.group_zh,
            group_en=one.definition.map.group_en,
            geometry_type=one.definition.geometry_type,
            rows=one.row_count,
            version=one.version,
            grade=one.definition.grade,
            source=one.definition.source,
            synthetic=one.definition.synthetic,
            changed_at=one.changed_at,
            declared=one.id not in editable,
        )
        for one in catalog.values()
    ]
