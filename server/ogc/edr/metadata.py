"""What collections say of their data queries: the queries, the parameters, the forms and the systems."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import from_thread

from layers.catalog import Layer
from layers.coordinates.crs import served_crs
from layers.database.connection import in_our_words
from layers.types import Json
from server.ogc.edr.coverage import EdrParameter
from server.ogc.edr.rasters import raster_parameters
from server.ogc.edr.request import FORMS
from server.ogc.edr.stations import has_series, station_parameters
from server.ogc.visit import Visit
from tiles.raster.members import Raster

OF_STATIONS = ("position", "area", "cube", "locations")
OF_RASTERS = ("position", "area", "cube", "trajectory")
_TITLES = {
    "position": "某处的值 Values at a place",
    "area": "面内的值 Values in an area",
    "cube": "范围内的值 Values in a box",
    "locations": "站点的值 Values of a station",
    "trajectory": "沿线的值 Values along a line",
}


def layer_data_queries(visit: Visit, layer: Layer) -> Json:
    """Return the members of a layer's collection for its series; none when it has none. Called in a worker thread."""
    if not has_series(layer):
        return {}
    parameters = from_thread.run(_parameters, visit, layer)
    return _members(f"{visit.ogc}/collections/{layer.id}", OF_STATIONS, parameters) if parameters else {}


def raster_data_queries(visit: Visit, raster: Raster) -> Json:
    """Return the members of a raster's collection."""
    return _members(f"{visit.ogc}/collections/{raster.id}", OF_RASTERS, raster_parameters(raster))


async def _parameters(visit: Visit, layer: Layer) -> list[EdrParameter]:
    """Return what a layer's features measure, up to a minute ago: to find it, all of their newest values are read."""

    async def found() -> list[EdrParameter]:
        with in_our_words():
            async with visit.state.pool.acquire() as connection:
                return await station_parameters(connection, layer, visit)

    return await visit.state.minutes.get(("edr", layer.id, layer.version, visit.actor.audience), found)


def _members(url: str, queries: Sequence[str], parameters: Sequence[EdrParameter]) -> Json:
    systems = [{"crs": one.uri, "wkt": one.uri} for one in served_crs()]
    return {
        "data_queries": {
            query: {
                "link": {
                    "href": f"{url}/{query}",
                    "rel": "data",
                    "title": _TITLES[query],
                    "type": "application/prs.coverage+json",
                    "variables": {
                        "title": _TITLES[query],
                        "query_type": query,
                        "output_formats": list(FORMS),
                        "default_output_format": FORMS[0],
                        "crs_details": systems,
                    },
                }
            }
            for query in queries
        },
        "parameter_names": {one.name: one.described(data_type=True) for one in parameters},
        "output_formats": list(FORMS),
    }
