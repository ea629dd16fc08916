"""A request for items on its way to pygeoapi: checked and compiled first, without the parameters it misreads."""

from __future__ import annotations

from dataclasses import replace

from layers.coordinates.crs import parse_crs, parse_crs_or_datum
from server.formats.pages import HTML, JSONLD
from server.formats.table import check_crs
from server.items.request import ItemsRequest, read_items_request
from server.ogc.visit import Visit

# filters: pygeoapi knows neither CQL2's functions as they are written nor our coordinate systems in them;
# datetime: it takes a date for its midnight and refuses times outside the collection's extent;
# bbox-crs: it turns boxes with the authority's axes and takes six numbers for two points;
# at and basis are ours: the layer is read as of that moment
_MISREAD = ("filter", "filter-lang", "filter-crs", "datetime", "cursor", "at", "basis")
_MISREAD_WITH_BBOX = (*_MISREAD, "bbox", "bbox-crs")


SHOWN_MAX = 1_000  # features on a page of HTML or JSON-LD, which take long to write and to read


def items_visit(visit: Visit) -> tuple[Visit, dict[str, str]]:
    """Return the visit with its checked request, which our provider runs, and the parameters for pygeoapi.

    Raises
    ------
    BadInput
        For anything unknown or malformed, in the words of the fast path.
    """
    request = read_items_request(visit.layer, visit.actor, visit.given, visit.state.settings.limits, visit.body)
    check_crs(visit.media, request.query.crs)
    if visit.media in {HTML, JSONLD} and request.query.limit > SHOWN_MAX:
        visit = replace(visit, given=visit.given | {"limit": str(SHOWN_MAX)})
        request = ItemsRequest(replace(request.query, limit=SHOWN_MAX), request.hits)
    return replace(visit, request=request), _pygeoapi_parameters(visit.given, request)


def item_visit(visit: Visit) -> tuple[Visit, dict[str, str]]:
    """Return the visit of a single feature, and its parameters for pygeoapi.

    Raises
    ------
    BadInput
        When there is no such coordinate system, or the representation cannot name it.
    """
    if "crs" in visit.given:
        check_crs(visit.media, parse_crs_or_datum(visit.given["crs"]))
    return visit, item_parameters(visit.given)


def _pygeoapi_parameters(given: dict[str, str], request: ItemsRequest) -> dict[str, str]:
    """Return the parameters of `/items` that pygeoapi reads, in the form it wants."""
    query = request.query
    params = {name: value for name, value in given.items() if name not in _misread(given)}
    if "properties" in params:  # it refuses an empty list; the id alone selects no property just as well
        params["properties"] = ",".join(query.properties or ("id",))
    if "sortby" in params:
        params["sortby"] = ",".join(f"{'-' if key.descending else ''}{key.field.name}" for key in query.sort)
        if not query.sort:
            del params["sortby"]
    return item_parameters(params)


def item_parameters(given: dict[str, str]) -> dict[str, str]:
    """Return the parameters of a single feature for pygeoapi, which knows a coordinate system only by its URI."""
    params = {name: value for name, value in given.items() if name not in {"at", "basis"}}
    return params | ({"crs": parse_crs(given["crs"]).uri} if "crs" in given else {})


def _misread(given: dict[str, str]) -> tuple[str, ...]:
    simple = given.get("bbox", "").count(",") == 3 and "bbox-crs" not in given
    return _MISREAD if simple else _MISREAD_WITH_BBOX
