"""A request for items made fit for pygeoapi: checked by us, and what it reads wrongly taken out of its hands."""

from __future__ import annotations

from dataclasses import replace

from layers.coordinates.crs import parse_crs
from server.http.media import HTML, JSONLD
from server.items.request import read_items_request
from server.ogc.visit import Visit

# filters: it knows neither CQL2's functions as they are written nor our coordinate systems in them;
# datetime: it takes a date for its midnight and refuses what lies outside of the collection's extent;
# bbox-crs: it turns boxes with the authority's axes and takes six numbers for two points
# at and basis are ours: the layer is asked as of that moment
_MISREAD = ("filter", "filter-lang", "filter-crs", "datetime", "cursor", "at", "basis")
_MISREAD_WITH_BBOX = (*_MISREAD, "bbox", "bbox-crs")


SHOWN_MAX = 1_000  # features on a page of HTML or JSON-LD, which take long to write and to read


def items_visit(visit: Visit) -> Visit:
    """Check the parameters of `/items`, and compile what pygeoapi would read wrongly.

    Raises
    ------
    BadInput
        For anything unknown or malformed, in the words of the fast path.
    """
    limits = visit.state.settings.limits
    whole = read_items_request(visit.layer, visit.actor, visit.given, limits, visit.body)
    if visit.media in {HTML, JSONLD} and whole.query.limit > SHOWN_MAX:
        visit = replace(visit, given=visit.given | {"limit": str(SHOWN_MAX)})
    own = {name: value for name, value in visit.given.items() if name in _misread(visit.given)}
    query = read_items_request(visit.layer, visit.actor, own, limits, visit.body).query
    return replace(visit, condition=query.where, after=query.after)


def pygeoapi_parameters(visit: Visit) -> dict[str, str]:
    """Return the parameters of `/items` that pygeoapi reads, in the form it wants."""
    limits = visit.state.settings.limits
    query = read_items_request(visit.layer, visit.actor, visit.given, limits, visit.body).query
    told = {name: value for name, value in visit.given.items() if name not in _misread(visit.given)}
    if "properties" in told:  # it refuses an empty list; the id alone asks for no property just as well
        told["properties"] = ",".join(query.properties or ("id",))
    if "sortby" in told:
        told["sortby"] = ",".join(f"{'-' if key.descending else ''}{key.field.name}" for key in query.sort)
        if not query.sort:
            del told["sortby"]
    return item_parameters(told)


def item_parameters(given: dict[str, str]) -> dict[str, str]:
    """Return the parameters of a single feature for pygeoapi, which knows a coordinate system only by its URI."""
    told = {name: value for name, value in given.items() if name not in {"at", "basis"}}
    return told | ({"crs": parse_crs(given["crs"]).uri} if "crs" in given else {})


def _misread(given: dict[str, str]) -> tuple[str, ...]:
    simple = given.get("bbox", "").count(",") == 3 and "bbox-crs" not in given
    return _MISREAD if simple else _MISREAD_WITH_BBOX
