"""The addresses of data queries, of layers and of rasters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from layers.catalog import Layer
from layers.database.connection import in_our_words
from layers.errors import NotFound
from server.formats.geojson import GEOJSON
from server.formats.media import Media
from server.http.caching import PRIVATE
from server.ogc.answer import Endpoint, OgcResponse
from server.ogc.edr.coverage import Coverage, EdrParameter, coverage_json, csv_text, geojson
from server.ogc.edr.metadata import OF_RASTERS
from server.ogc.edr.rasters import raster_coverage, raster_parameters
from server.ogc.edr.request import EdrQuery, EdrRequest, read_edr
from server.ogc.edr.stations import has_series, station_coverages, station_parameters, station_places
from server.ogc.maps import shown_as
from server.ogc.visit import Visit

_TYPES = {
    "CoverageJSON": "application/prs.coverage+json",
    "GeoJSON": GEOJSON.type,
    "CSV": "text/csv; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class EdrEndpoint(Endpoint):
    """An address whose ``f`` names a form of data."""

    parameters: tuple[str, ...] | None = None
    timeless: bool = False

    def _media(self, f: str | None, accept: str) -> Media:  # noqa: ARG002  # they name forms of data, not of errors
        return GEOJSON


@dataclass(frozen=True, slots=True)
class _DataQuery:
    """Answers one kind of query."""

    query: EdrQuery

    async def __call__(self, visit: Visit, names: Mapping[str, str]) -> OgcResponse:
        shown = await shown_as(visit, names["shown"])
        if isinstance(shown, Layer):
            return await self._of_layer(visit, shown, names.get("location"))
        if self.query not in OF_RASTERS:
            raise NotFound(f"raster '{shown.id}' has no {self.query}; it has {', '.join(OF_RASTERS)}")
        parameters = raster_parameters(shown)
        asked = read_edr(self.query, visit.given, [one.name for one in parameters], visit.base)
        found = await visit.state.rasters.read(
            shown.id, visit.actor, lambda files, raster: raster_coverage(files, raster, asked)
        )
        return _written([found], parameters, asked)

    async def _of_layer(self, visit: Visit, layer: Layer, location: str | None) -> OgcResponse:
        if not has_series(layer) or self.query == "trajectory":
            raise NotFound(f"'{layer.id}' has no {self.query}: its features have no values there")
        with in_our_words():
            async with visit.state.pool.acquire() as connection:
                parameters = await station_parameters(connection, layer, visit)
                asked = read_edr(self.query, visit.given, [one.name for one in parameters], visit.base)
                if self.query == "locations" and location is None:
                    places = await station_places(connection, layer, visit, asked)
                    return OgcResponse(orjson.dumps(places), GEOJSON.type, _headers(asked))
                found = await station_coverages(connection, layer, visit, asked, location)
        return _written(found, parameters, asked)


def _written(coverages: Sequence[Coverage], parameters: Sequence[EdrParameter], asked: EdrRequest) -> OgcResponse:
    headers = _headers(asked)
    if asked.form == "CSV":
        return OgcResponse(csv_text(coverages, parameters, asked.crs.datum).encode(), _TYPES["CSV"], headers)
    write = coverage_json if asked.form == "CoverageJSON" else geojson
    return OgcResponse(orjson.dumps(write(coverages, parameters, asked.crs)), _TYPES[asked.form], headers)


def _headers(asked: EdrRequest) -> dict[str, str]:
    return {"Cache-Control": PRIVATE, "Content-Crs": f"<{asked.crs.uri}>"}


ENDPOINTS = (
    EdrEndpoint("/collections/{shown}/position", _DataQuery("position")),
    EdrEndpoint("/collections/{shown}/area", _DataQuery("area")),
    EdrEndpoint("/collections/{shown}/cube", _DataQuery("cube")),
    EdrEndpoint("/collections/{shown}/trajectory", _DataQuery("trajectory")),
    EdrEndpoint("/collections/{shown}/locations", _DataQuery("locations")),
    EdrEndpoint("/collections/{shown}/locations/{location:path}", _DataQuery("locations")),
)
