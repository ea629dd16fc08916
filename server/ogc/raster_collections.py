"""Rasters as collections, beside the layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyio import from_thread
from starlette.types import Receive, Scope, Send

from layers.coordinates.crs import CRS84, Crs, served_crs
from layers.errors import OneMapError
from layers.types import BBox
from server.formats.geojson import GEOJSON
from server.identity.identity import actor_of_request
from server.ogc.answer import Endpoint, OgcResponse, document_response
from server.ogc.edr.metadata import raster_data_queries
from server.ogc.map_area import between, in_official_order
from server.ogc.maps import storage_crs
from server.ogc.tilesets import REL
from server.ogc.visit import Visit
from server.state import state_of
from server.tiles.form import PICTURES, VALUES, MapForm
from tiles.raster.members import Raster, rfc3339

_SECURE = REL.replace("http:", "https:")  # as the standard of maps writes relations


async def _collection(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    raster = await visit.state.rasters.get(names["raster"], visit.actor)
    return document_response(visit, raster_document(visit, raster), "application/json")


def raster_document(visit: Visit, raster: Raster) -> dict[str, Any]:
    """Return the description of a raster as a collection."""
    url = f"{visit.ogc}/collections/{raster.id}"
    storage = storage_crs(raster)
    extent: dict[str, Any] = {"spatial": spatial_extent(raster.extent_crs84, storage)}
    if raster.times:
        extent["temporal"] = {"interval": [[rfc3339(raster.times[0]), rfc3339(raster.times[-1])]]}
    return {
        "id": raster.id,
        "title": raster.title,
        "description": visit.title("栅格", "Raster"),
        "itemType": "coverage",
        "dataType": "coverage",
        "extent": extent,
        "crs": [crs.uri for crs in served_crs()],
        "storageCrs": storage.uri,
        "dataGrade": raster.grade,
        "synthetic": raster.synthetic,
        **raster_data_queries(visit, raster),
        "links": [
            {"rel": "self", "type": "application/json", "title": raster.title, "href": url},
            *map_links(visit, url, (*PICTURES, VALUES)),
        ],
    }


def spatial_extent(box: BBox, storage: Crs) -> dict[str, Any]:
    """Return an extent in degrees, and in the storage system where that is another one."""
    extent: dict[str, Any] = {"bbox": [list(box)], "crs": CRS84.uri}
    if storage is not CRS84:
        extent["storageCrsBbox"] = [list(in_official_order(between(box, CRS84, storage), storage))]
    return extent


def map_links(visit: Visit, url: str, forms: tuple[MapForm, ...] = PICTURES) -> list[dict[str, str]]:
    """Return the links to the maps and map tiles at an address, the default format first."""
    title, rels = visit.title("地图", "Map"), (f"{REL}/map", f"{_SECURE}/map")
    first, *others = forms  # the default format
    maps = [{"rel": rel, "type": first.type, "title": f"{title} {first.title}", "href": f"{url}/map"} for rel in rels]
    maps += [
        {"rel": rels[0], "type": form.type, "title": f"{title} {form.title}", "href": f"{url}/map?f={form.f}"}
        for form in others
    ]
    tiles = {"type": "application/json", "title": visit.title("地图瓦片", "Map tiles"), "href": f"{url}/map/tiles"}
    return [*maps, *({"rel": f"{base}/tilesets-map", **tiles} for base in (REL, _SECURE))]


def raster_collections(visit: Visit) -> list[dict[str, Any]]:
    """Return the descriptions of the rasters that the actor may see."""
    return [raster_document(visit, raster) for raster in visible_rasters(visit)]


def visible_rasters(visit: Visit) -> list[Raster]:
    """Return the visible rasters that no layer of the same id hides; called in a worker thread."""
    found = from_thread.run(visit.state.rasters.visible, visit.actor)
    return [raster for raster in found if raster.id not in visit.catalog]


@dataclass(frozen=True, slots=True)
class RasterFirst:
    """One address for both kinds of collections: of a raster where there is one and no layer of that id."""

    layers: Endpoint
    rasters: Endpoint

    @property
    def path(self) -> str:
        """The path below ``/ogc``."""
        return self.layers.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the endpoint of its kind; a hidden raster counts as missing."""
        state, name = state_of(scope["app"]), scope["path_params"]["collection"]
        try:
            actor = actor_of_request(scope)
            is_raster = name not in state.catalog.current and name in {r.id for r in await state.rasters.visible(actor)}
        except OneMapError:
            is_raster = False  # the endpoint of layers reports the error
        if is_raster:
            await self.rasters({**scope, "path_params": {"raster": name}}, receive, send)
        else:
            await self.layers(scope, receive, send)


def raster_first(endpoint: Endpoint) -> RasterFirst:
    """Return an endpoint of a collection that answers for rasters too."""
    return RasterFirst(endpoint, Endpoint(endpoint.path, _collection, formats=(GEOJSON,)))
