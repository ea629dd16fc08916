"""Styles of the map for MapLibre clients, their legends and their pictograms."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from layers.actor import Actor
from layers.errors import NotFound
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.http.caching import VARIES, Keep, cache_control
from server.http.compressed import Compressed
from server.page.assets import ICONS
from server.page.fonts import font_faces
from server.state import State
from server.tianditu import raster_sources
from tiles.cache_key import tiles_version
from tiles.styles.legend import legend_of, legend_svg
from tiles.styles.sprite import Sprite, draw_sprite, pictograms
from tiles.styles.style import Surroundings, build_style
from tiles.styles.theme import read_themes, theme_of

router = APIRouter(prefix="/styles", tags=["styles"])
_SPRITE = "onemap"


@router.get("", summary="样式列表 The styles there are")
async def listed(base: BaseUrlHere, _actor: ActorHere) -> dict[str, list[dict[str, str]]]:
    """List styles with the addresses of their documents and legends."""
    return {
        "styles": [
            {
                "id": theme.id,
                "title_zh": theme.title_zh,
                "title_en": theme.title_en,
                "style": f"{base}/styles/{theme.id}.json",
                "legend": f"{base}/styles/{theme.id}/legend",
            }
            for theme in read_themes().values()
        ]
    }


@router.get("/{name}.json", response_class=Response, summary="MapLibre 样式 A MapLibre style")
async def style(
    name: str,
    request: Request,
    state: StateHere,
    base: BaseUrlHere,
    actor: ActorHere,
    relief: Annotated[bool, Query(description="建筑立体显示 Buildings stand")] = False,
    basemap: Annotated[Literal["vec", "img"] | None, Query(description="天地图底图 A base map of 天地图")] = None,
    versioned: Annotated[bool, Query(description="瓦片地址带版本，可长期缓存 Tiles that caches may keep")] = False,
) -> Response:
    """Return a style (MapLibre style specification 8) with the layers this reader may see, all served from here."""
    around = await _around(state, base, actor, basemap, versioned=versioned)
    document = build_style(state.catalog.current, actor, theme_of(name), around, relief=relief)
    return _answer(request, state, actor, orjson.dumps(document), "application/json")


@router.get("/{name}/legend", response_class=Response, summary="图例 The legend of a style")
async def legend(
    name: str,
    request: Request,
    state: StateHere,
    base: BaseUrlHere,
    actor: ActorHere,
    f: Literal["json", "svg"] = "json",
) -> Response:
    """Return what the colours of a style mean, as JSON or as a drawing, in both languages."""
    theme = theme_of(name)
    document = build_style(state.catalog.current, actor, theme, await _around(state, base, actor))
    if f == "svg":
        return _answer(request, state, actor, legend_svg(document, theme).encode(), "image/svg+xml")
    body = orjson.dumps({"style": name, "legend": legend_of(document)})
    return _answer(request, state, actor, body, "application/json")


@router.get("/sprites/{file}", response_class=Response, summary="图标 The pictograms of the styles, on one sheet")
async def sprite(file: str, request: Request, state: StateHere, actor: ActorHere) -> Response:
    """Return the sheet (`onemap.png`, `onemap@2x.png`) or its index (`onemap.json`, `onemap@2x.json`)."""
    stem, _, ending = file.rpartition(".")
    ratios = {_SPRITE: 1, f"{_SPRITE}@2x": 2}
    if stem not in ratios or ending not in {"json", "png"}:
        known = ", ".join(f"{name}.{end}" for name in ratios for end in ("json", "png"))
        raise NotFound(f"there is no sprite '{file[:80]}'; there are: {known}", parameter="file")
    catalog = state.catalog.current
    names = pictograms(catalog[layer].definition for layer in catalog.visible_ids(actor))
    sheet: Sprite = await run_in_threadpool(draw_sprite, names, ICONS, ratios[stem])
    if ending == "png":
        return _answer(request, state, actor, sheet.png, "image/png")
    return _answer(request, state, actor, orjson.dumps(sheet.index), "application/json")


async def _around(
    state: State, base: str, actor: Actor, basemap: str | None = None, *, versioned: bool = False
) -> Surroundings:
    catalog = state.catalog.current
    district = await state.outlines.of(state.pool, catalog, actor)
    under = raster_sources(state.tianditu, basemap, base) if basemap else {}
    layers = catalog.visible_layers(actor) if versioned else []
    versions = {layer.id: made for layer in layers if (made := tiles_version([layer], state.build))}
    return Surroundings(base, district.outline, font_faces(base, state.assets.version), under, versions)


def _answer(request: Request, state: State, actor: Actor, body: bytes, media_type: str) -> Response:
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": cache_control(Keep.STEADY, actor, state.settings),
        "Vary": VARIES,
        "X-Content-Type-Options": "nosniff",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    answer = Response if media_type == "image/png" else Compressed
    return answer(body, media_type=media_type, headers=headers)
