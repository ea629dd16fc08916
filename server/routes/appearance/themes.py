"""`/twin/themes`: the themes of the map, as the reader may have them."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from server.dependencies import ActorHere, IdentityHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.page.map_theme import MapTheme, shown_themes
from server.routes.live import filter_limits

router = APIRouter(prefix="/twin", tags=["map"])


class ThemeList(BaseModel):
    """The themes in the order in which they are offered.

    Attributes
    ----------
    faults
        Of files that are not in force, by file name; told to those with the duty `rules` alone.
    """

    themes: list[MapTheme]
    faults: dict[str, str]


@router.get("/themes", summary="主题列表 The themes of the map", response_model=ThemeList)
async def themes(state: StateHere, actor: ActorHere, identity: IdentityHere, response: Response) -> dict[str, object]:
    """Return the themes; layers that the reader may not see, or not filter so, are left out."""
    catalog = state.catalog.current
    limits = filter_limits(state)
    known = state.themes.read(catalog, limits)
    response.headers.update(PRIVATE_HEADERS)
    return {
        "themes": shown_themes(known.by_name.values(), catalog, actor, limits),
        "faults": dict(known.faults) if "rules" in identity.duties else {},
    }
