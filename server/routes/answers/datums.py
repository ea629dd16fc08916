"""`/crs/{name}`: what an answer in a shifted datum means; the URI by which answers name it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from layers.coordinates.crs import SHIFTED, STORED
from layers.coordinates.datum import DATUMS
from layers.errors import NotFound
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.http.caching import VARIES, Keep, cache_control

router = APIRouter(prefix="/crs", tags=["service"])
_OF = {
    "gcj02": "国测局坐标（火星坐标），高德、腾讯地图所用 of AMap and Tencent maps",
    "bd09": "百度坐标，在 GCJ-02 上再次偏移 of Baidu maps: GCJ-02, shifted once more",
}


class ShiftedDatum(BaseModel):
    """A datum that nobody has registered, and what is known of it."""

    id: str
    uri: str = Field(description="as in Content-Crs")
    name: str
    description: str
    registered: bool = Field(description="没有 EPSG 代码 no code of the EPSG")
    base: str = Field(description="the system that is shifted")
    axes: list[str]
    unit: str
    method: str
    accuracy: str


@router.get("/{name}", summary="偏移坐标系 A shifted datum of phone maps")
async def shifted_datum(
    name: Annotated[str, Path(max_length=20, examples=["gcj02"])],
    response: Response,
    state: StateHere,
    actor: ActorHere,
    base: BaseUrlHere,
) -> ShiftedDatum:
    """Return what GCJ-02 or BD-09 is, how it is computed here, and how exact that is."""
    crs = next((one for one in SHIFTED if one.datum == name), None)
    if crs is None:
        raise NotFound(f"there is no datum '{name}'; datums are {', '.join(DATUMS)}", parameter="name")
    cached = cache_control(Keep.STEADY, actor, state.settings)
    response.headers.update({"Cache-Control": cached, "Vary": VARIES})
    return ShiftedDatum(
        id=name,
        uri=crs.named(base),
        name=crs.name,
        description=_OF[name],
        registered=False,
        base=STORED.uri,
        axes=["longitude", "latitude"],
        unit=crs.unit,
        method="公开公式，境外不偏移 the public formula; places outside China are not shifted",
        accuracy="反算误差小于 0.01 毫米；与图商自己的地图相差分米至数米 "
        "put back by the inverse: within 0.01 mm; against a provider's own map: decimetres to a few metres",
    )
