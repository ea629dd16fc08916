"""OGC API - Maps: a picture of any rectangle of a raster, a layer or the dataset, in every style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from layers.catalog import Layer
from layers.coordinates.crs import STORED, Crs, served_crs
from layers.errors import NotFound
from layers.moment import read_moment
from server.formats.geojson import GEOJSON
from server.formats.media import Media
from server.http.caching import Keep, cache_control
from server.http.parameters import refuse_unknown
from server.ogc.answer import Endpoint, OgcResponse
from server.ogc.map_area import PARAMETERS as PLACE
from server.ogc.map_area import datetime_of, in_official_order, map_area
from server.ogc.visit import Visit
from server.tiles.extent import extent_of
from server.tiles.form import form_of, ground_of
from server.tiles.mapped import MapCall, map_picture
from server.tiles.moment import when_of
from server.tiles.parameters import kept_text, layers_of, parts_of
from tiles.maps.encode import bands_of, encode_image, values_tiff
from tiles.raster.members import Raster, rfc3339
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea
from tiles.raster.render import RasterView, render_map
from tiles.raster.style import PARAMETERS as LOOK
from tiles.raster.style import read_style
from tiles.styles.theme import theme_of

STYLE = "light"  # the default
OWN = ("f", "lang", *PLACE, "datetime", "transparent", "bgcolor")
FILTERS = ("filter", "filter-lang", "filter-crs", "at", "basis")


@dataclass(frozen=True, slots=True)
class MapEndpoint(Endpoint):
    """An address whose ``f`` names a format of pictures."""

    parameters: tuple[str, ...] | None = None
    listed: tuple[str, ...] = ("subset",)

    def _media(self, f: str | None, accept: str) -> Media:  # noqa: ARG002  # they name pictures, not errors
        return GEOJSON  # the form of errors


async def _map(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    shown = await shown_as(visit, names["shown"])
    style = names.get("style")
    if isinstance(shown, Layer):
        return await _of_layers(visit, [shown], style or STYLE, dataset=False)
    if style is not None:
        raise NotFound(f"raster '{shown.id}' has no styles; its look is chosen by parameters: {', '.join(LOOK)}")
    return await _of_raster(visit, shown)


async def _dataset_map(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    collections = visit.given.get("collections")
    layers = layers_of(visit.catalog, visit.actor, collections, None)
    return await _of_layers(visit, layers, names.get("style", STYLE), dataset=True)


async def shown_as(visit: Visit, name: str) -> Layer | Raster:
    """Return the layer or the raster of an id; a layer hides a raster of the same id.

    Raises
    ------
    NotFound
        When there is none that the actor may see.
    """
    if name not in visit.catalog:
        for raster in await visit.state.rasters.visible(visit.actor):
            if raster.id == name:
                return raster
    return visit.catalog.visible(name, visit.actor)


async def _of_layers(visit: Visit, layers: list[Layer], style: str, *, dataset: bool) -> OgcResponse:
    given = datetime_of(visit.given)
    area, crs = map_area(given, extent_of(layers), STORED)
    form = form_of(given.get("f"), visit.accept, values=False)
    rest = {name: text for name, text in given.items() if name not in OWN or name == "datetime"}
    named = rest.pop("collections", None) if dataset else ""
    call = MapCall(
        parts=parts_of(layers, visit.actor, rest, visit.state.settings.limits, "map"),
        actor=visit.actor,
        area=area,
        theme=theme_of(style),
        form=form,
        ground=ground_of(given),
        named=named is not None,
        grounded=dataset and not {"transparent", "bgcolor"} & given.keys(),
        text=kept_text(rest),
        durable=False,
    )
    tile = await map_picture(call, visit.state)
    return OgcResponse(tile.content, form.type, _headers(visit, area, crs, _time_of_layers(layers, given)))


async def _of_raster(visit: Visit, raster: Raster) -> OgcResponse:
    given = datetime_of(visit.given)
    refuse_unknown(given, (*OWN, *LOOK))
    form, when, ground = form_of(given.get("f"), visit.accept, values=True), when_of(given), ground_of(given)
    style = read_style({name: text for name, text in given.items() if name not in OWN}, raster.bands)
    area, crs = map_area(given, raster.extent_crs84, storage_crs(raster))
    moments: list[datetime | None] = []

    def read(files: OpenRasters, found: Raster) -> bytes:
        frame = when.frame(found)
        moments.append(frame.time)
        if form.values:
            return values_tiff(render_map(files, RasterView(found, frame, area, style, "npy")), area)
        if form.format != "tif":
            return render_map(files, RasterView(found, frame, area, style, form.format, ground))
        image = render_map(files, RasterView(found, frame, area, style, "png", ground))
        return encode_image(bands_of(image), "tif", area)

    content = await visit.state.rasters.read(raster.id, visit.actor, read)
    shown = moments[-1]
    return OgcResponse(content, form.type, _headers(visit, area, crs, rfc3339(shown) if shown else None))


def _headers(visit: Visit, area: PixelArea, crs: Crs, time: str | None) -> dict[str, str]:
    """Return the headers of a map: its system, its edges in the order of the system's axes, its time."""
    corners = in_official_order(area.bounds, crs)
    headers = {"Content-Crs": f"<{crs.uri}>", "Content-Bbox": ",".join(f"{side:.10g}" for side in corners)}
    cached = {"Cache-Control": cache_control(Keep.LIVE, visit.actor, visit.state.settings, linked=False)}
    return headers | cached | ({"Content-Datetime": time} if time else {})


def _time_of_layers(layers: list[Layer], given: Mapping[str, str]) -> str | None:
    """Return the time of a map of layers: the requested moment or interval, else the span of all layers."""
    moment = read_moment(given.get("at"), given.get("basis"))
    if moment is not None:
        return rfc3339(moment.at)
    spans = [layer.time_span for layer in layers if layer.time_span]
    if not spans:
        return None
    first, last = (rfc3339(moment) for moment in (min(span[0] for span in spans), max(span[1] for span in spans)))
    if "datetime" not in given:
        return f"{first}/{last}"
    begin, slash, end = given["datetime"].partition("/")
    if not slash:
        return begin
    return f"{first if begin in {'', '..'} else begin}/{last if end in {'', '..'} else end}"


def storage_crs(raster: Raster) -> Crs:
    """Return the coordinate system of a raster's files where all share a served one; else CRS84."""
    served = served_crs()
    return next((crs for crs in served if [crs.srid] == raster.srids and crs.srid != 4326), served[0])


ENDPOINTS = (
    MapEndpoint("/collections/{shown}/map", _map),
    MapEndpoint("/collections/{shown}/styles/{style}/map", _map),
    MapEndpoint("/map", _dataset_map),
    MapEndpoint("/styles/{style}/map", _dataset_map),
)
