"""The conformance classes of this service; `tests/ogc` holds a test for each.

pygeoapi's own list is fixed in its code: it claims writing (Part 4), which we do not offer, and lacks the classes that
our query builder adds.
"""

from __future__ import annotations

_OGC = "http://www.opengis.net/spec"
_SECURE = "https://www.opengis.net/spec"  # as the standard of maps writes its classes

_MAPS = (
    "core", "collection-map", "dataset-map", "collections-selection", "tilesets", "scaling", "spatial-subsetting",
    "crs", "datetime", "png", "jpeg", "tiff", "api-operations",
)  # fmt: skip
_CLASSES = {
    "ogcapi-common-1/1.0": ("core", "landing-page", "json", "html", "oas30"),
    "ogcapi-common-2/1.0": ("collections",),
    "ogcapi-features-1/1.0": ("core", "geojson", "html", "oas30"),
    "ogcapi-features-2/1.0": ("crs",),
    "ogcapi-features-3/1.0": ("queryables", "queryables-query-parameters", "filter", "features-filter"),
    "ogcapi-features-5/1.0": ("schemas", "core-roles-features", "queryables", "sortables"),
    "ogcapi-features-6/0.0": ("properties",),  # of drafts, as other servers declare them
    "ogcapi-features-8/0.0": ("sorting", "features-sorting"),
    "ogcapi-tiles-1/1.0": (
        "core",
        "mvt",
        "png",
        "jpeg",
        "tiff",
        "tileset",
        "tilesets-list",
        "oas30",
        "geodata-tilesets",
        "dataset-tilesets",
        "collections-selection",
    ),
    "ogcapi-maps-1/1.0": _MAPS,
    "ogcapi-processes-1/1.0": ("core", "ogc-process-description", "json", "job-list", "dismiss"),
    "ogcapi-edr-1/1.1": (
        "core",
        "collections",
        "json",
        "edr-geojson",
        "covjson",
        "csv",
        "oas30",
        "queries",
        "position",
        "area",
        "cube",
        "trajectory",
        "locations",
    ),
    "json-fg-1/1.0": ("core", "types-schemas"),
    "tms/2.0": ("tilematrixset", "json-tilematrixset"),
    "cql2/1.0": (
        "cql2-text",
        "cql2-json",
        "basic-cql2",
        "advanced-comparison-operators",
        "case-insensitive-comparison",
        "accent-insensitive-comparison",
        "basic-spatial-functions",
        "basic-spatial-functions-plus",
        "spatial-functions",
        "temporal-functions",
        "array-functions",
        "property-property",
        "arithmetic",
    ),
}

_PUBSUB = "https://www.opengis.net/spec/ogcapi-pubsub-1/1.0/conf"  # a draft, written as pygeoapi writes it
_PUBSUB_CLASSES = ("discovery", "message-payload-cloudevents-json")

CLASSES: tuple[str, ...] = (
    *(f"{_OGC}/{part}/conf/{name}" for part, names in _CLASSES.items() for name in names),
    *(f"{_SECURE}/ogcapi-maps-1/1.0/conf/{name}" for name in _MAPS),
    *(f"{_PUBSUB}/{name}" for name in _PUBSUB_CLASSES),
)
