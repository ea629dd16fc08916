"""pygeoapi's documents, corrected: facts about our layers are added, links to missing operations are removed."""

from __future__ import annotations

from typing import Any

from anyio import from_thread

from layers.catalog import Layer
from layers.coordinates.crs import STORED, served_crs
from layers.database.connection import in_our_words
from layers.read.counts import Matched
from layers.read.query import ItemsQuery
from server.formats.table import offered
from server.items.call import ItemsCall
from server.items.links import Paging, described_by, item_links, page_links, steps
from server.ogc.config import WORLD
from server.ogc.conformance import CLASSES
from server.ogc.edr.metadata import layer_data_queries
from server.ogc.raster_collections import map_links, raster_collections, spatial_extent
from server.ogc.schema import SCHEMA_DIALECT, queryables, returnables, sortables
from server.ogc.titles import in_language
from server.ogc.visit import Visit
from server.tiles.extent import extent_of

type OgcDocument = dict[str, Any]
_REL = "http://www.opengis.net/def/rel/ogc/1.0"
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_OPENNESS = {
    "unconditional": ("无条件开放", "open without conditions"),
    "conditional": ("有条件开放", "open under conditions"),
    "closed": ("不予开放", "not open"),
}


def landing(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the landing page with links to the map, the stream of changes and the description of all streams."""
    processes = (f"{_REL}/processes", f"{_REL}/job-list")  # pygeoapi links them only where it has some itself
    document["links"] = [link for link in document["links"] if not link["rel"].endswith(("/processes", "/job-list"))]
    for link in document["links"]:
        if link["rel"] == "about":
            link |= {"href": f"{visit.base}/", "title": visit.title("一张图", "The map")}
    streams = {"type": "application/asyncapi+json", "title": visit.title("推送接口说明", "Description of the streams")}
    document["links"] += [
        _hub(visit, f"{visit.base}/live?f=cloudevents"),
        {"rel": "service-desc", **streams, "href": f"{visit.base}/asyncapi.json"},
        {"rel": f"{_REL}/tilesets-vector", "type": "application/json", "href": f"{visit.ogc}/tiles",
         "title": visit.title("全部图层的矢量瓦片", "Vector tiles of all layers")},
        *map_links(visit, visit.ogc),
        {"rel": processes[0], "type": "application/json", "href": f"{visit.ogc}/processes",
         "title": visit.title("过程", "Processes")},
        {"rel": processes[1], "type": "application/json", "href": f"{visit.ogc}/jobs",
         "title": visit.title("作业", "Jobs")},
    ]  # fmt: skip
    extent = extent_of(visit.catalog.visible_layers(visit.actor))
    document |= {"crs": [crs.uri for crs in served_crs()], "storageCrs": STORED.uri}
    document["extent"] = {"spatial": spatial_extent(extent or WORLD, STORED)}
    return _translate_titles(visit, document)


def interface(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the interface with this server's address as its client knows it."""
    if "openapi-document-path" in document:  # the HTML page
        return document | {"openapi-document-path": f"{visit.ogc}/openapi"}
    return document | {"servers": [{"url": visit.ogc}]}


def conformance(_visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the conformance classes of this service instead of pygeoapi's."""
    return document | {"conformsTo": list(CLASSES)}


def collections(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the list of collections, each described in full, with those of rasters."""
    layers = {layer.id: layer for layer in visit.catalog.visible_layers(visit.actor)}
    described = [_full_collection(visit, entry, layers[entry["id"]]) for entry in document["collections"]]
    described += raster_collections(visit)
    return _translate_titles(visit, document | {"collections": described})


def collection(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return one collection, described in full."""
    return _full_collection(visit, document, visit.layer)


def _full_collection(visit: Visit, document: OgcDocument, layer: Layer) -> OgcDocument:
    """Return a collection with its time extent, coordinate systems, number of features, grade, origin and links."""
    definition = layer.definition
    described = document | {
        "itemType": "feature",
        "crs": [crs.uri for crs in served_crs()],
        "storageCrs": STORED.uri,
        "dataGrade": definition.grade,
        "openness": definition.openness,
        "synthetic": definition.synthetic,
        "titles": {"zh-CN": definition.title_zh, "en": definition.title_en},
    }
    optional = {"attribution": definition.attribution, "source": definition.source, "standard": definition.standard}
    described |= {name: text for name, text in optional.items() if text}
    described["license"] = visit.title(*_OPENNESS[definition.openness])
    described["extent"] = {"spatial": spatial_extent(layer.extent_crs84 or WORLD, STORED)}
    if definition.geometry_type == "None":
        described["extent"] = {}
    if layer.time_span:
        begin, end = (moment.isoformat().replace("+00:00", "Z") for moment in layer.time_span)
        described["extent"]["temporal"] = {"interval": [[begin, end]], "trs": _GREGORIAN}
    matched = from_thread.run(_count, visit, layer)
    if matched.exact:
        described["itemCount"] = matched.rows
    described |= layer_data_queries(visit, layer)
    described["links"] = [link for link in document["links"] if link["rel"] != "items"] + _collection_links(
        visit, layer
    )
    return _translate_titles(visit, described)


async def _count(visit: Visit, layer: Layer) -> Matched:
    query = ItemsQuery(layer, visit.actor)
    with in_our_words():
        return visit.state.counts.known(query) or await visit.state.counts.counted(visit.state.pool, query)


def _collection_links(visit: Visit, layer: Layer) -> list[OgcDocument]:
    url = f"{visit.ogc}/collections/{layer.id}"
    items = visit.title("要素", "Items")
    links = [
        {
            "rel": "items",
            "type": m.base_type,
            "title": f"{items} {m.title}",
            "href": f"{url}/items?f={m.f}",
        }
        for m in offered(layer.definition)
    ]
    links.append(
        {
            "rel": f"{_REL}/sortables",
            "type": "application/schema+json",
            "title": visit.title("可排序属性", "Sortables"),
            "href": f"{url}/sortables",
        }
    )
    if layer.definition.geometry_type != "None":
        tiles = {"type": "application/json", "title": visit.title("矢量瓦片", "Vector tiles"), "href": f"{url}/tiles"}
        links.append({"rel": f"{_REL}/tilesets-vector", **tiles})
        links += map_links(visit, url)
    links += described_by(url, nulls=False)
    links.append(_hub(visit, f"{visit.base}/live?f=cloudevents&layers={layer.id}"))
    if layer.definition.openness == "unconditional":
        links += [
            {"rel": "enclosure", "type": m.type, "title": m.title, "href": f"{url}/items?f={m.f}&limit=all"}
            for m in offered(layer.definition)
            if m.export
        ]
    return links


def schema(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the schema of a feature (Part 5), in the order it is sent."""
    return _describe_schema(visit, document, returnables, "schema")


def queryable_schema(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the properties that a filter may name (Part 3); no other is allowed."""
    return _describe_schema(visit, document, queryables, "queryables") | {"additionalProperties": False}


def sortable_schema(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return the properties that `sortby` may name (Part 5)."""
    return _describe_schema(visit, document, sortables, "sortables") | {"additionalProperties": False}


def _hub(visit: Visit, href: str) -> OgcDocument:
    """Return the link to a stream of changes, as OGC API - Publish-Subscribe describes it."""
    return {
        "rel": "hub",
        "type": "text/event-stream",
        "title": visit.title("变更推送", "Changes as they happen"),
        "href": href,
    }


def _describe_schema(visit: Visit, document: OgcDocument, describe: Any, name: str) -> OgcDocument:
    layer = visit.layer
    properties = describe(layer, visit.actor, visit.catalog, visit.language)
    return document | {
        "$schema": SCHEMA_DIALECT,
        "$id": f"{visit.ogc}/collections/{layer.id}/{name}",
        "type": "object",
        "title": visit.title(layer.definition.title_zh, layer.definition.title_en),
        "description": visit.title(layer.definition.description_zh, layer.definition.description_en),
        "properties": properties,
    }


def items(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return a page with the links of the fast path; pygeoapi's next link fails with keys and a full last page."""
    return document | {"links": page_links(_call(visit, None), _page(visit), _cursor(document))}


def paging(visit: Visit, document: OgcDocument) -> dict[str, str]:
    """Return the paging headers of a page of features; none for any other document."""
    if "numberReturned" not in document:
        return {}
    follow = steps(_call(visit, None), _page(visit), _cursor(document))
    page = Paging(document.get("numberMatched"), document["numberReturned"], follow)
    return page.headers(visit.given, visit.state.settings.limits)


def _cursor(document: OgcDocument) -> str | None:
    """Return the cursor of the next page, which our provider passes as a link without a title."""
    links = document.get("links", [])
    return next((link["href"] for link in links if link["rel"] == "next" and "title" not in link), None)


def _page(visit: Visit) -> ItemsQuery:
    limits = visit.state.settings.limits
    size = min(int(visit.given.get("limit", limits.page_default)), limits.page_max)
    return ItemsQuery(visit.layer, visit.actor, limit=size, offset=int(visit.given.get("offset", "0")))


def item(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Return a feature with the links of the fast path."""
    return document | {"links": item_links(_call(visit, str(document["id"])))}


def _call(visit: Visit, feature_id: str | None) -> ItemsCall:
    return ItemsCall(visit.layer, visit.actor, visit.media, feature_id, "", visit.given, visit.body, visit.base)


def _translate_titles(visit: Visit, document: OgcDocument) -> OgcDocument:
    """Translate pygeoapi's English link titles into the visit's language."""
    for link in document.get("links", []):
        if "title" in link:
            link["title"] = in_language(link["title"], visit.language)
    return document
