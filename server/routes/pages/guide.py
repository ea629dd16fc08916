"""`/guide`: the guides of the documentation, for people whose network is closed."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from html import escape
from typing import Annotated
from urllib.parse import urldefrag

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from markupsafe import Markup

from layers.errors import NotFound
from server.dependencies import StateHere
from server.page.frame import PageReading, page_response, reading_of
from server.page.guides import PICTURES, Guide, guide_named, guides, images, search_guides, shelves
from server.page.markdown import WrittenGuide, write_html

router = APIRouter(tags=["map"])
_EXAMPLE = "http://127.0.0.1:8000"
"""What examples of the guides ask; a reader is shown the address of this server instead."""
_WORDS_MAX = 100


@router.get("/guide", response_class=HTMLResponse, summary="使用指南 The guides")
def index(
    request: Request, state: StateHere, q: Annotated[str, Query(max_length=_WORDS_MAX, description="查找 words")] = ""
) -> Response:
    """List the guides, or those that hold some words."""
    reading = reading_of(request, state.settings.server)
    return page_response("guide/index.html", reading, shelves=shelves(), q=q, found=search_guides(q))


@router.get("/guide/images/{name}", response_class=FileResponse, summary="指南的图片 A picture of the guides")
def image(name: str) -> FileResponse:
    """Send a picture of the guides."""
    path = images().get(name)
    if path is None:
        raise NotFound(f"the guides have no picture '{name[:80]}'", parameter="name")
    return FileResponse(path, media_type=PICTURES[path.suffix], headers={"Cache-Control": "no-cache"})


@router.get("/guide/{name:path}", response_class=HTMLResponse, summary="一篇指南 One guide")
def guide(name: str, request: Request, state: StateHere) -> Response:
    """Show one guide; all of them where a slash is left over."""
    if not name:
        return index(request, state)
    reading = reading_of(request, state.settings.server)
    shown = guide_named(name)
    written = _written(shown.name, f"{reading.base}/guide", "" if reading.language == "zh-CN" else "?lang=en")
    html = Markup(_addressed(written.html, shown, reading))  # noqa: S704  # raw HTML is off, and the base is escaped
    return page_response(
        "guide/page.html", reading, guide=shown, html=html, headings=written.headings, shelves=shelves()
    )


def _addressed(html: str, shown: Guide, reading: PageReading) -> str:
    """Return a guide whose examples ask this server; those of operators are about the port they stand for."""
    return html.replace(_EXAMPLE, escape(reading.base)) if shown.place.startswith("guide/") else html


@lru_cache(maxsize=256)
def _written(name: str, root: str, language: str) -> WrittenGuide:
    shown = guide_named(name)
    folder = posixpath.dirname(shown.place)
    by_place = {one.place: one.name for one in guides().values()}

    def resolve(target: str) -> str | None:
        if target.startswith(("http://", "https://", "#")):
            return target
        path, fragment = urldefrag(target)
        place = posixpath.normpath(posixpath.join(folder, path))
        if place in by_place:
            return f"{root}/{by_place[place]}{language}{f'#{fragment}' if fragment else ''}"
        picture = place.removeprefix("images/")
        return f"{root}/images/{picture}" if picture in images() else None

    return write_html(shown.text, resolve)
