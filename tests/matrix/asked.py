"""All requests of a layer, made from its definition, so that a new field or layer is requested too."""

from __future__ import annotations

from urllib.parse import quote

from layers.actor import Actor
from layers.cql2 import queryables_of
from tests.readers import OPENED

ACTORS = {
    "anonymous": OPENED,
    "public": Actor("public", clearance=1),
    "masked": Actor("masked", clearance=2, sees_masked=True),
    "officer": Actor("officer", clearance=3, area_prefixes=("440106011001", "440106012003002")),
    "operator": Actor("operator", clearance=4),
}
BOX = "113.3,23.1,113.45,23.2"
COMPARED = ("=", "<>", "<", "<=", ">", ">=")
OPERATORS = {
    "string": (
        *(f"{{0}} {op} '1'" for op in COMPARED),
        "{0} LIKE 'a%'",
        "{0} IN ('a', 'b')",
        "{0} BETWEEN 'a' AND 'b'",
        "CASEI({0}) = CASEI('A')",
    ),
    "number": (
        *(f"{{0}} {op} 1.5" for op in COMPARED),
        "{0} IN (1, 2)",
        "{0} BETWEEN 1 AND 2",
        "{0} + 1 > 2",
        "FLOOR({0}) = 2",
    ),
    "integer": (
        *(f"{{0}} {op} 1" for op in COMPARED),
        "{0} IN (1, 2.5)",
        "{0} BETWEEN 1 AND 2",
        "{0} * 2 = 4",
        "ABS({0}) > 2",
    ),
    "boolean": ("{0} = TRUE", "{0} <> TRUE", "{0}", "{0} = FALSE"),
    "date": (
        *(f"{{0}} {op} DATE('2026-01-01')" for op in COMPARED),
        "T_BEFORE({0}, DATE('2026-01-01'))",
        "T_INTERSECTS({0}, INTERVAL('2025-01-01', '..'))",
        "{0} BETWEEN DATE('2025-01-01') AND DATE('2026-01-01')",
    ),
    "datetime": (
        *(f"{{0}} {op} TIMESTAMP('2026-01-01T00:00:00Z')" for op in COMPARED),
        "T_AFTER({0}, TIMESTAMP('2026-01-01T00:00:00Z'))",
        "T_DURING({0}, INTERVAL('2025-01-01T00:00:00Z', '2030-01-01T00:00:00Z'))",
    ),
    "string_array": (
        "A_CONTAINS({0}, ('a'))",
        "A_OVERLAPS({0}, ('a', 'b'))",
        "A_EQUALS({0}, ('a'))",
        "A_CONTAINEDBY({0}, ('a'))",
    ),
    "json": (),
    "geometry": (
        f"S_INTERSECTS({{0}}, BBOX({BOX}))",
        "S_WITHIN({0}, POLYGON((113.3 23.1, 113.45 23.1, 113.45 23.2, 113.3 23.1)))",
        "S_DISJOINT({0}, POINT(113.35 23.15))",
        "S_EQUALS({0}, POINT(113.35 23.15))",
    ),
}
_VALUES = {"string": "1", "number": "1.5", "integer": "1", "boolean": "true", "date": "2026-01-01"}
_VALUES |= {"datetime": "2026-01-01T00:00:00Z"}


def predicates(queryable):
    """Return a CQL2 text for every operator of a queryable."""
    found = [operator.format(f'"{queryable.name}"') for operator in OPERATORS[queryable.type]]
    return [*found, f'"{queryable.name}" IS NULL', f'NOT ("{queryable.name}" IS NULL)']


def every_queryable(definition, actor):
    """Return the parameters of requests that use each queryable in every way."""
    for queryable in queryables_of(definition, actor).values():
        yield {"filter": " OR ".join(f"({one})" for one in predicates(queryable))}
        if queryable.type in _VALUES:
            yield {queryable.name: _VALUES[queryable.type], "sortby": f"-{queryable.name}"}


def mixed_filters(definition, actor):
    """Return filters over every queryable, with and without the geometry, since their statements differ."""
    known = queryables_of(definition, actor)
    plain = [predicates(one)[number % 2] for number, one in enumerate(known.values()) if one.type != "geometry"]
    yield " OR ".join(f"({one})" for one in plain)
    if "geom" in known:
        yield " OR ".join(f"({one})" for one in (*plain, *predicates(known["geom"])))


def addresses(definition, condition, at=None):
    """Return the addresses of every output of a layer.

    Parameters
    ----------
    condition
        A filter.
    at
        The requested moment, for outputs that know moments.
    """
    name, chosen = definition.id, f"filter={quote(condition)}"
    then = f"&at={at}" if at else ""
    items = f"/ogc/collections/{name}/items?{chosen}{then}"
    yield from (f"{items}&limit=5&f={form}" for form in ("json", "jsonfg", "csv", "geojsonl"))
    yield f"{items}&resulttype=hits"
    yield f"{items}&limit=1&skipGeometry=true&crs=http://www.opengis.net/def/crs/EPSG/0/4547"
    if not at:
        yield from (f"{items}&limit=2&f={form}" for form in ("html", "jsonld"))
        yield f"/twin/aggregate?layer={name}&by=community&f=json&{chosen}"
    if definition.geometry_type == "None":
        return
    if not at:
        yield f"/twin/aggregate?layer={name}&by=h3:8&f=csv"
    yield f"{items}&bbox={BOX}&limit=5"
    for tile in ("12/3337/1776", "14/13350/7108"):
        yield f"/tiles/{name}/{tile}.mvt?{chosen}{then}"
    yield f"/ogc/collections/{name}/tiles/WorldCRS84Quad/13/3050/13350?{chosen}{then}"
    yield f"/twin/snapshot?layers={name}&bbox={BOX}{then}"
    if not at:
        yield f"/tiles/{name}/13/6675/3554.mvt"
        yield f"/twin/nearby?lon=113.35&lat=23.15&radius_m=3000&layers={name}&limit=3"
        yield f"/twin/areas/440106/features?layers={name}&limit=3"
        yield f"/twin/areas/440106011/features?layers={name}&limit=3"
