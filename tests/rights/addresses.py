"""Every address of the server, by the template of its route: a route that is not here fails the matrix."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import chain
from urllib.parse import quote

import orjson

from layers.read.facts import observed_fields
from server.formats.columnar import ColumnFormat
from server.formats.table import offered
from tests.rights.changes import EPOCH
from tests.rights.selection import places_of

BOX = "113.0,22.9,113.9,23.6"
_CHANGED = re.compile(r'<time class="changed".*?</time>')  # when a world was made
_TICKET = re.compile(r"/references/[\w-]+")
AREAS = ("community", "street", "grid", "h3:8")
TILES = ("9/417/221", "9/417/222", "14/13363/7103")
UNTIL = (EPOCH + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
MOMENT = EPOCH.strftime("%Y-%m-%dT%H:%M:%SZ")
SOCKETS = {"/live/ws"}  # asked by the matrix beside the addresses
OF_RASTERS = (
    *("/raster/{name}.json", "/raster/{name}/contours.json", "/raster/{name}/contours", "/raster/{name}/times"),
    *("/raster/{name}/point", "/raster/{name}/profile", "/raster/{name}/statistics"),
)
STATIC = {
    **dict.fromkeys(OF_RASTERS, "a raster has one grade as a whole: tests/tiles"),
    **dict.fromkeys(("/login", "/login/demo", "/login/token", "/login/ways", "/logout", "/session"), "of the caller"),
    **dict.fromkeys(("/login/oidc/{name}", "/login/oidc/{name}/callback"), "of the caller"),
    "/twin/tasks/{event_id}/steps": "of the caller: tests/server/workers",
    "/twin/patrol": "of the caller: tests/server/workers",
    "/references/{ticket}": "of the caller: tests/rights/test_references.py",
    "/schemas/{name}.json": "envelopes of messages",
    "/crs/{name}": "what a datum is",
    "/docs": "a page without values",
    **dict.fromkeys(("/guide", "/guide/{name:path}"), "the guides of the program"),
    "/guide/images/{name}": "their pictures",
    "/catalog/qgis.xml": "the address of the service",
    "/": "a page without values",
    "/ui/{version}/{path:path}": "the files of the page",
    "/offline.js": "a file of the page",
    "/basemaps": "maps of others",
    "/basemaps/{name}.json": "maps of others",
    "/basemaps/{name}/{z}/{x}/{y}": "maps of others",
    "/basemaps/tianditu/{layer}/{z}/{x}/{y}": "maps of others",
    "/styles/sprites/{file}": "pictograms",
    "/sta/v1.1": "names of sets",
    "/ogc/TileMatrixSets": "standards",
    "/ogc/processes": "operations, each in the matrix by its own address",
    "/ogc/processes/{process_id}": "a description",
    "/ogc/processes/{process_id}/execution": "the answers of operations: tests/ogc/test_processes.py",
    "/ogc/jobs": "of the caller: tests/ogc/test_processes.py",
    "/ogc/jobs/{job_id}": "of the caller: tests/ogc/test_processes.py",
    "/ogc/jobs/{job_id}/results": "of the caller: tests/ogc/test_processes.py",
    "/ogc/TileMatrixSets/{set}": "standards",
}


OPERATORS = {
    "/audit": "duty audit",
    "/policy": "duty policy",
    "/session/elevations": "duty elevate",
    "/approvals": "duty policy",
    "/approvals/{number}": "duty policy",
    "/session/elevations/{number}/acknowledge": "duty policy",
    "/metrics": "duty metrics",
    "/twin/outlets": "duty outlets",
    "/twin/outlets/{name}/resume": "duty outlets",
    "/feeds/{name}": "senders write and read nothing",
    "/twin/exercises": "duty rules",
    "/status/refused": "duty quarantine",
    "/status/layers": "duty layers",
    "/status/rules": "duty rules",
    "/status/accounts": "duty users or policy",
    "/status/policy": "duty policy",
    **dict.fromkeys(("/users", "/users/{name}/disable", "/users/{name}/enable"), "duty users or policy"),
    **dict.fromkeys(("/sessions", "/sessions/{which}", "/tokens", "/tokens/{name}"), "duty users or policy"),
    "/users/{name}/totp": "duty policy",
    **dict.fromkeys(
        ("/twin/feeds/{name}/enable", "/twin/feeds/{name}/disable", "/twin/feeds/{name}/secret"), "duty feeds"
    ),
    **dict.fromkeys(("/layers", "/layers/{layer}"), "duty layers"),
    "/twin/refused": "duty quarantine",
    "/twin/refused/{refused_id}": "duty quarantine",
    "/twin/refused/{refused_id}/replay": "duty quarantine",
    "/twin/refused/{refused_id}/discard": "duty quarantine",
    "/twin/incomplete": "duty quarantine",
    "/twin/incomplete/{event_id}": "duty quarantine",
    "/twin/incomplete/{event_id}/addresses": "duty quarantine",
    "/twin/incomplete/{event_id}/refusal": "duty quarantine",
}
"""Routes that a duty opens; a test asks them as every role without it."""


def of_layers(asked):
    """Return addresses by template, for some layers, fields and rows of a world."""
    found = {}
    for one in asked:
        for template, address in _of_layer(one):
            found.setdefault(template, []).append(address)
    return found


def _of_layer(asked):
    definition = asked.definition
    name = definition.id
    collection = f"/ogc/collections/{name}"
    for ending in ("", "/schema", "/queryables", "/sortables", "/schema/feature", "/tiles", "/tiles/WebMercatorQuad"):
        yield (
            f"/ogc/collections/{{collection}}{ending.replace('WebMercatorQuad', '{set}')}",
            f"{collection}{ending}?f=json",
        )
    yield from (("/ogc/collections/{collection}/items", address) for address in _items(asked))
    for row in asked.rows:
        yield "/ogc/collections/{collection}/items/{feature:path}", f"{collection}/items/{quote(row['id'])}"
    yield from _history(asked)
    yield "/tiles/{layers}.json", f"/tiles/{name}.json"
    yield "/tiles/since", f"/tiles/since?layers={name}&at={MOMENT}"  # now, it tells when the world was made
    yield "/catalog/{collection}", f"/catalog/{name}"
    for query, how in _data_queries(asked):
        yield f"/ogc/collections/{{shown}}/{query}", f"{collection}/{how}"
    for by in AREAS if asked.in_full else AREAS[len(name) % 2 :: 2]:
        yield "/twin/aggregate", f"/twin/aggregate?layer={name}&by={by}&f=json"
    if definition.time:
        yield "/twin/aggregate", f"/twin/aggregate?layer={name}&by=time:15m&from={MOMENT}&to={UNTIL}&f=json"
    if definition.geometry_type == "None":
        return
    for tile in TILES:
        yield "/tiles/{layers}/{z}/{x}/{y}.mvt", f"/tiles/{name}/{tile}.mvt"
    yield from (("/twin/join", f"/twin/join?{query}") for query in _joins(asked))
    drawn = f"bbox={BOX}&width=128&height=128"
    for styled in ("", "/styles/light"):
        of = "/ogc/collections/{shown}" + styled.replace("light", "{style}")
        yield f"{of}/map", f"{collection}{styled}/map?{drawn}"
        yield f"{of}/map/tiles", f"{collection}{styled}/map/tiles?f=json"
        yield f"{of}/map/tiles/{{set}}", f"{collection}{styled}/map/tiles/WebMercatorQuad?f=json"
    yield "/twin/nearby", f"/twin/nearby?lon=113.38&lat=23.11&radius_m=5000&layers={name}&limit=20"
    ways = _ways(name, *asked.rows[0]["geom"])
    yield from ways if asked.in_full else ways[len(name) % 3 :: 3]
    yield "/twin/areas/{code}/features", f"/twin/areas/440106011/features?layers={name}&limit=20&answer_crs=bd09"
    yield "/twin/snapshot", f"/twin/snapshot?layers={name}&bbox={BOX}"
    yield "/twin/replay", f"/twin/replay?layers={name}&from={MOMENT}&to={MOMENT}&step=1s"


def _history(asked):
    """Yield addresses of the history of a layer and of some rows: of each property that is measured, and of the way."""
    definition, codes = asked.definition, [*observed_fields(asked.definition), "no_such"]
    span = f"from={MOMENT}&to={UNTIL}"
    rows = asked.rows if asked.in_full or len(codes) > 1 or definition.motion else asked.rows[:1]
    for number, row in enumerate(rows):
        feature = f"/twin/features/{definition.id}/{quote(row['id'])}"
        for code in codes if asked.in_full else codes[number % len(codes) :][:2]:
            step = ("raw", "5m", "1h&agg=max,count")[number % 3]
            yield (
                "/twin/features/{layer}/{feature_id}/observations",
                f"{feature}/observations?property={code}&step={step}&{span}&f={('json', 'arrow')[number % 2]}",
            )
        if definition.motion is not None:
            form = ("geojson", "parquet", "arrow", "csv")[number % 4]
            yield "/twin/features/{layer}/{feature_id}/track", f"{feature}/track?{span}&f={form}"
            yield from _moving(asked, row, number)
    facts = ["/twin/positions"] if definition.motion is not None else []
    facts += ["/twin/observations"] if observed_fields(definition) and definition.id != "events" else []
    facts += ["/twin/events/versions"] if definition.id == "events" else []
    for address in facts:
        named = "" if definition.id == "events" else f"&layers={definition.id}"
        for number, field in enumerate(asked.fields):
            yield address, f"{address}?{span}{named}&{_chosen_by(field, asked.rows[-1].get(field.name), 3 * number)}"
        files = ("parquet&limit=500", "arrow&limit=all", "xlsx&limit=20", "geojsonseq&limit=9")
        for form in ("json&limit=7", "csv", "geojson&limit=all", *(files if asked.in_full else files[:2])):
            yield address, f"{address}?{span}{named}&f={form}"
        for lon, lat in places_of(asked):
            box = f"{lon - 0.0001},{lat - 0.0001},{lon + 0.0001},{lat + 0.0001}"
            yield address, f"{address}?{span}{named}&bbox={box}"


def _moving(asked, row, number):
    """Yield what OGC API - Moving Features tells of a row: its ways, cut or at a time, and its properties."""
    of = "/ogc/collections/{collection}/items/{feature:path}"
    item = f"/ogc/collections/{asked.definition.id}/items/{quote(row['id'], safe='')}"
    span = f"datetime={MOMENT}/{UNTIL}"
    ways = (span, f"{span}&subTrajectory=true", f"leaf={MOMENT},{UNTIL}", f"{span}&bbox={BOX}")
    for how in ways if asked.in_full else ways[number % 4 :][:2]:
        yield f"{of}/tgsequence", f"{item}/tgsequence?{how}"
    for how in (f"{span}&subTemporalValue=true", "limit=5"):
        yield f"{of}/tproperties", f"{item}/tproperties?{how}"
    for name in ("speed_kmh", "heading_deg", "no_such"):
        yield f"{of}/tproperties/{{name}}", f"{item}/tproperties/{name}?{span}"


def _data_queries(asked):
    """Yield data queries, some of them for layers that measure nothing: they answer that there is none."""
    box = "113.0 22.9,113.9 22.9,113.9 23.6,113.0 23.6,113.0 22.9"
    every = [
        ("area", f"area?coords=POLYGON(({quote(box)}))"),
        ("cube", f"cube?bbox={BOX}&datetime=../.."),
        ("position", "position?coords=POINT(113.38%2023.11)&f=GeoJSON"),
        ("trajectory", "trajectory?coords=LINESTRING(113.38%2023.11,113.39%2023.12)"),
        ("locations", f"locations?bbox={BOX}"),
        *(("locations/{location:path}", f"locations/{quote(row['id'])}?f=CSV") for row in asked.rows),
    ]
    yield from every if asked.in_full or observed_fields(asked.definition) else every[len(asked.definition.id) % 4 :: 4]


def _ways(name, lon, lat):
    """Return what is computed along roads and waterways; a run asks one of the three about each layer."""
    along = f"/twin/waterway-stretch-impact?waterway=waterways-1&layers={name}"
    return [
        ("/twin/nearest-resources", f"/twin/nearest-resources?lon={lon}&lat={lat}&n=20&layers={name}"),
        ("/twin/reachable", f"/twin/reachable?lon={lon}&lat={lat}&minutes=20&limit=20&layers={name}&mode=walk"),
        ("/twin/waterway-stretch-impact", f"{along}&offset_m=2000&follow=upstream&level_m=2"),
    ]


def _items(asked):
    items = f"/ogc/collections/{asked.definition.id}/items?limit=100"
    yield from (f"{items}&f={media.f}" for media in _forms(asked))
    yield f"{items.replace('limit=100', 'limit=all')}&f=geojsonl"
    yield f"{items}&crs=gcj02"
    yield f"{items}&resulttype=hits"
    yield f"{items}&bbox={BOX}"
    yield f"{items}&at={MOMENT}"
    for lon, lat in places_of(asked):
        yield f"{items}&resulttype=hits&bbox={lon - 0.0001},{lat - 0.0001},{lon + 0.0001},{lat + 0.0001}"
    for number, field in enumerate(asked.fields):
        condition = _chosen_by(field, asked.rows[-1].get(field.name), number)
        ordered = f"sortby={field.name}&properties={field.name}"
        if field.name in asked.hidden:  # each of them must be refused alone
            yield f"{items}&{ordered}"
            yield f"{items}&{condition}&resulttype=hits"
        else:
            yield f"{items}&{ordered}&{condition}"


def _joins(asked):
    """Return joins with the layer on either side: counted in grids, with itself, and as the nearest of events."""
    name = asked.definition.id
    numbers = [f.name for f in asked.fields if f.type in {"integer", "number"} and f.name not in asked.hidden]
    measures = ",".join(("count", *(f"mean({one})" for one in numbers[:3])))
    every = (
        f"left={name}&right=grids&how=intersects&aggregate={measures}&f=parquet",
        f"left={name}&right={name}&within_m=800&left-properties=*",
        f"left=events&right={name}&how=nearest&right-properties=*&f=csv",
    )
    yield from every if asked.in_full else every[len(name) % 3 :: 3]


def _forms(asked):
    """Return every format of texts and pages, and of the files, which have one statement, another one each time."""
    every = offered(asked.definition)
    files = [media for media in every if isinstance(media, ColumnFormat)]
    left_out = [] if asked.in_full else [m for n, m in enumerate(files) if n != len(asked.definition.id) % len(files)]
    return [media for media in every if media not in left_out]


def _chosen_by(field, value, number):
    """Return a condition on a field: that it has a value, in one of several ways of saying so, or that it has none."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return f"filter={quote(f'{field.name} IS NULL')}"
    literal = f"'{value}'" if isinstance(value, str) else str(value)
    ways = (
        f"filter={quote(f'{field.name} = {literal}')}",
        f"filter={quote(f'{field.name} < {literal}')}",
        f"{field.name}={quote(str(value))}",
    )
    return ways[number % 3]


def of_all(definitions, rows):
    """Return addresses by template that are of no single layer."""
    every = ",".join(definition.id for definition in definitions.values() if definition.geometry_type != "None")
    some = every.split(",")
    return {
        "/openapi.json": ["/openapi.json"],
        "/asyncapi.json": ["/asyncapi.json"],
        "/health": ["/health"],
        "/map.json": ["/map.json", "/map.json?only=counts"],
        "/twin/themes": ["/twin/themes"],
        "/styles": ["/styles"],
        "/styles/{name}.json": ["/styles/light.json", "/styles/light.json?versioned=true"],
        "/styles/{name}/legend": ["/styles/light/legend"],
        "/ogc": ["/ogc?f=json"],
        "/ogc/openapi": ["/ogc/openapi?f=json"],
        "/ogc/api": ["/ogc/api?f=json"],
        "/ogc/conformance": ["/ogc/conformance?f=json"],
        "/ogc/collections": ["/ogc/collections?f=json", "/ogc/collections?f=html"],
        "/ogc/tiles": ["/ogc/tiles?f=json"],
        "/ogc/tiles/{set}": ["/ogc/tiles/WebMercatorQuad?f=json"],
        "/ogc/map/tiles": ["/ogc/map/tiles?f=json"],
        "/ogc/map/tiles/{set}": ["/ogc/map/tiles/WebMercatorQuad?f=json"],
        "/ogc/styles/{style}/map": [f"/ogc/styles/light/map?collections={some[0]}&bbox={BOX}&width=128&height=128"],
        "/ogc/styles/{style}/map/tiles": ["/ogc/styles/light/map/tiles?f=json"],
        "/ogc/styles/{style}/map/tiles/{set}": ["/ogc/styles/light/map/tiles/WebMercatorQuad?f=json"],
        "/ogc/map": [f"/ogc/map?collections={','.join(some[:4])}&bbox={BOX}&width=128&height=128"],
        "/tiles/{layers}/{z}/{x}/{y}.mvt": [
            f"/tiles/{','.join(part)}/{TILES[0]}.mvt" for part in (some[:8], some[8:16])
        ],
        "/twin/locate": [f"/twin/locate?lon={row['geom'][0]}&lat={row['geom'][1]}" for row in rows["waterways"]],
        "/twin/cameras-along-route": [
            _route(one, one, "cameras-along-route", by=0.0004) + "&max_m=500" for one in rows["roads"][:1]
        ],
        "/twin/coverage": [
            f"/twin/coverage?layer={name}&area=440106011&from={_days_from(-1)}&to={_days_from(1)}"
            for name in ("vehicles", "grid_workers")
        ],
        "/twin/population": [f"/twin/population?area={code}" for code in ("440106", "440106011001")],
        "/twin/broadcast-terminals": ["/twin/broadcast-terminals?area=440106"],
        "/twin/cameras-seeing": list(chain.from_iterable(_sights(row) for row in rows["video_points"][1::6])),
        "/twin/waterway-stretch-impact": [
            f"/twin/waterway-stretch-impact?waterway={row['id']}&follow=downstream&layers=flood_risk_points"
            for row in rows["waterways"][::3]
        ],
        "/twin/route": [_route(rows["roads"][0], other) for other in rows["roads"][:3]],
        "/twin/events/{event_id}/log": [f"/twin/events/{row['id']}/log" for row in rows["events"]],
        "/live": ["/live?since=0", f"/live?since=0&bbox={BOX}", "/live?since=0&f=cloudevents"],
        "/twin/overview": [
            "/twin/overview",
            "/twin/overview?by=grid",
            *(f"/twin/overview?area={code}" for code in ("440106", "440106011", "440106011001", "440106011001001")),
            f"/twin/overview?area=440106011&at={MOMENT}",
        ],
        "/twin/notes": [
            "/twin/notes",
            "/twin/notes?area=440106011",
            *(f"/twin/notes?layer=events&id={quote(row['id'])}" for row in rows["events"][:3]),
        ],
        "/twin/warnings": ["/twin/warnings", "/twin/warnings?answer_crs=gcj02"],
        "/twin/download": ["/twin/download", f"/twin/download?layers={','.join(some[:3])}"],
        "/twin/fences/transitions": ["/twin/fences/transitions"],
        "/twin/feeds": ["/twin/feeds"],
        "/status": ["/status"],
        "/catalog": ["/catalog", "/catalog?lang=en"],
        "/twin/rules": ["/twin/rules"],
        "/raster": ["/raster"],
        "/sta/v1.1/{path:path}": [f"/sta/v1.1/{one}" for one in _sensors(rows)],
        **_of_answers(rows),
    }


def _of_answers(rows):
    """Return the addresses of the operations that answer with people, areas and addresses."""
    return {
        "/twin/responsibility": [
            *(f"/twin/responsibility?layer=water_facilities&id={r['id']}&matter=04" for r in rows["water_facilities"]),
            f"/twin/responsibility?grid_code=440106011001001&matter=04&at={MOMENT}",
            "/twin/responsibility?lon=113.38&lat=23.11",
        ],
        "/twin/features/{layer}/{feature_id}/related": [
            *(f"/twin/features/water_facilities/{row['id']}/related" for row in rows["water_facilities"][:6]),
            *(f"/twin/features/events/{row['id']}/related" for row in rows["events"][:4]),
            "/twin/features/grids/440106011001001/related",
            f"/twin/features/events/{rows['events'][0]['id']}/related?at={MOMENT}",
        ],
        "/twin/addresses": [f"/twin/addresses?q={quote(str(row['road_name']))}" for row in rows["addresses"]],
        "/twin/service-sites": ["/twin/service-sites?lon=113.38&lat=23.11&open_only=false&limit=100"],
        "/twin/tasks": ["/twin/tasks?limit=200", "/twin/tasks?lon=113.38&lat=23.11&limit=3&answer_crs=gcj02"],
        "/twin/reports": ["/twin/reports"],
        "/twin/patrols": ["/twin/patrols?lon=113.38&lat=23.11&radius_m=5000&answer_crs=bd09"],
    }


def _sights(row):
    lon, lat = row["geom"]
    yield f"/twin/cameras-seeing?lon={lon + 0.0003}&lat={lat}&max_m=300"
    yield f"/twin/cameras-seeing?lon={lon}&lat={lat}&max_m=20&occlusion=false"


def _route(one, other, operation="route", by=0.0):
    start, end = (f"{lon},{lat}" for lon, lat in (one["geom"], (other["geom"][0] + by, other["geom"][1])))
    return f"/twin/{operation}?from={start}&to={end}"


def _days_from(days):
    return (EPOCH + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sensors(rows):
    """Yield addresses of the SensorThings API: whole sets, what is linked, and what is searched for."""
    expanded = "$expand=Locations,Datastreams($expand=Observations,ObservedProperty)"
    yield f"Things?$top=1000&$count=true&{expanded}"
    yield from (f"{name}?$top=1000&$count=true" for name in ("Locations", "Datastreams", "Observations"))
    yield from (f"{name}?$top=1000&$count=true" for name in ("Sensors", "ObservedProperties", "FeaturesOfInterest"))
    for order in ("name", "properties/address desc", "properties/owner_org"):
        yield f"Things?$top=1000&$orderby={quote(order)}"
    for row in rows["iot_devices"]:
        lon, lat = row["geom"]
        near = quote(f"geo.distance(location, geography'POINT({lon} {lat})') lt 10")
        yield f"Locations?$filter={near}"
        yield f"Things('iot_devices:{quote(row['id'])}')?{expanded}"
        of_name = quote(f"substringof('{row['name']}', name) or properties/mounted_on eq '{row['mounted_on']}'")
        yield f"Things?$filter={of_name}"


def templates(routes, prefix=""):
    """Yield the template of every route, with those of routers inside."""
    for route in routes:
        inner = getattr(route, "original_router", None) or route
        if getattr(inner, "routes", None):
            yield from templates(inner.routes, prefix + (getattr(route, "path", "") or ""))
        else:
            yield (prefix + route.path).rstrip("/") or "/"


def together(*parts):
    """Return every address of some dictionaries by template, in their order."""
    return list(chain.from_iterable(addresses for part in parts for addresses in part.values()))


def plain(text):
    """Return a body without the moment of the answer, and without the words of tickets, which are drawn by lot."""
    text = _CHANGED.sub("", _TICKET.sub("/references/*", text))
    if text.startswith("retry:"):
        return _heard(text)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return _timeless(document)


def _heard(stream):
    """Return the changes of server-sent events, however they were cut into events."""
    parts = [orjson.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    changes = [change for part in parts for change in (part if isinstance(part, list) else [part])]
    return [_timeless(change) for change in changes if change != {}]


PASSING_MEMBERS = {"timeStamp", "request_id", "instance", "at", "https://schema.org/sdDatePublished"}


def _timeless(value):
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in PASSING_MEMBERS}
    return [_timeless(one) for one in value] if isinstance(value, list) else value
