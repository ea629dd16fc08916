"""Code that reads one collection with the programs that people have, with this server's address filled in."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from layers.definition import GeometryType, LayerDefinition

type Snippets = tuple["Snippet", ...]
_DRAWN: dict[GeometryType, tuple[str, str]] = {
    "Point": ("circle", '{ "circle-radius": 4, "circle-color": "#1b6ea8" }'),
    "LineString": ("line", '{ "line-width": 2, "line-color": "#1b6ea8" }'),
    "MultiLineString": ("line", '{ "line-width": 2, "line-color": "#1b6ea8" }'),
    "Polygon": ("fill", '{ "fill-opacity": 0.35, "fill-color": "#1b6ea8" }'),
    "MultiPolygon": ("fill", '{ "fill-opacity": 0.35, "fill-color": "#1b6ea8" }'),
    "Geometry": ("circle", '{ "circle-radius": 4, "circle-color": "#1b6ea8" }'),
    "None": ("", ""),
}
_ROWS = 1000  # a snippet reads some of a layer, at once


@dataclass(frozen=True, slots=True)
class Snippet:
    """One piece of code.

    Attributes
    ----------
    kind
        ``curl``, ``python``, ``geopandas``, ``gdal``, ``maplibre``, ``qgis``.
    note_zh, note_en
        What it needs, or where it is put.
    """

    kind: str
    title: str
    code: str
    note_zh: str = ""
    note_en: str = ""


def snippets_of(definition: LayerDefinition, base: str, *, with_token: bool) -> Snippets:
    """Return the code for a collection.

    Parameters
    ----------
    base
        Address of this server.
    with_token
        Whether the reader is known: then the code sends a token, which it takes from `ONEMAP_TOKEN`.
    """
    has_places = definition.geometry_type != "None"
    made = [_curl(definition, base, with_token), _python(definition, base), _frames(definition, base, with_token)]
    made += [_gdal(definition, base, with_token)]
    made += [_maplibre(definition, base, with_token), _qgis(definition, base)] if has_places else []
    return tuple(made)


def _curl(definition: LayerDefinition, base: str, with_token: bool) -> Snippet:
    items = f"{base}/ogc/collections/{definition.id}/items"
    token = ' -H "Authorization: Bearer $ONEMAP_TOKEN"' if with_token else ""
    code = (
        f"curl -fsS{token} '{items}?f=json&limit=5'\ncurl -fsS{token} -o {definition.id}.csv '{items}?f=csv&limit=all'"
    )
    return Snippet("curl", "curl", code, "第二行把全部要素存为 CSV", "The second line saves all features as CSV")


def _python(definition: LayerDefinition, base: str) -> Snippet:
    read = "to_geopandas" if definition.geometry_type != "None" else "to_pandas"
    code = (
        "from twin.client import Twin\n\n"
        f'twin = Twin("{base}")\n'
        f'frame = twin["{definition.id}"].{read}(limit={_ROWS})\n'
        "print(frame.head())"
    )
    return Snippet(
        "python",
        "Python (twin.client)",
        code,
        "安装：pip install '.[notebook]'；令牌取自 ONEMAP_TOKEN",
        "Install: pip install '.[notebook]'; the token is taken from ONEMAP_TOKEN",
    )


def _frames(definition: LayerDefinition, base: str, with_token: bool) -> Snippet:
    url = f"{base}/ogc/collections/{definition.id}/items?f=parquet&limit={_ROWS}"
    if definition.geometry_type == "None":
        url = url.replace("f=parquet", "f=csv")
    package, read = ("geopandas", "read_parquet") if definition.geometry_type != "None" else ("pandas", "read_csv")
    headers = 'headers={"Authorization": f"Bearer {os.environ[\'ONEMAP_TOKEN\']}"}, ' if with_token else ""
    code = (
        f"import io\n{'import os\n' if with_token else ''}\n"
        f"import httpx\nimport {package}\n\n"
        f'answer = httpx.get("{url}", {headers}timeout=60).raise_for_status()\n'
        f"frame = {package}.{read}(io.BytesIO(answer.content))\n"
        "print(frame.head())"
    )
    return Snippet("geopandas", f"Python ({package})", code)


def _gdal(definition: LayerDefinition, base: str, with_token: bool) -> Snippet:
    token = ' --config GDAL_HTTP_AUTH BEARER --config GDAL_HTTP_BEARER "$ONEMAP_TOKEN"' if with_token else ""
    source = f"'OAPIF:{base}/ogc' {definition.id}"
    code = f"ogrinfo -ro -so{token} {source}\nogr2ogr{token} {definition.id}.gpkg {source}"
    return Snippet("gdal", "GDAL", code, "第二行把图层存为 GeoPackage", "The second line saves the layer as GeoPackage")


def _maplibre(definition: LayerDefinition, base: str, with_token: bool) -> Snippet:
    kind, paint = _DRAWN[definition.geometry_type]
    token = (
        "  transformRequest: (url) => ({ url, headers: { Authorization: `Bearer ${token}` } }),\n" if with_token else ""
    )
    code = (
        "const map = new maplibregl.Map({\n"
        '  container: "map",\n'
        f'  style: "{base}/styles/light.json",\n'
        f"{token}"
        "});\n"
        'map.on("load", () => {\n'
        f'  map.addSource("my-{definition.id}", {{ type: "vector", url: "{base}/tiles/{definition.id}.json" }});\n'
        "  map.addLayer({\n"
        f'    id: "my-{definition.id}",\n'
        f'    type: "{kind}",\n'
        f'    source: "my-{definition.id}",\n'
        f'    "source-layer": "{definition.id}",\n'
        f"    paint: {paint},\n"
        "  });\n"
        "});"
    )
    return Snippet(
        "maplibre",
        "MapLibre GL JS",
        code,
        "其他网站上的页面：请管理员把它加入 server.origins",
        "A page of another site: the operator adds it to server.origins",
    )


def _qgis(definition: LayerDefinition, base: str) -> Snippet:
    code = f"OGC API - Features   {base}/ogc\nVector Tiles         {base}/tiles/{definition.id}/{{z}}/{{x}}/{{y}}.mvt"
    return Snippet(
        "qgis",
        "QGIS",
        code,
        "数据源管理器 › WFS / OGC API - Features › 新建，版本选 OGC API - Features；或“加载”这个连接文件：",
        "Data Source Manager › WFS / OGC API - Features › New, version OGC API - Features; or load this file:",
    )


def qgis_connections(title: str, base: str) -> str:
    """Return the file that QGIS loads as a connection, instead of an address that is typed."""
    return (
        '<!DOCTYPE connections>\n<qgsWFSConnections version="1.1">\n'
        f'  <wfs name={quoteattr(title)} url={quoteattr(base + "/ogc")} version="OGC_API_FEATURES"'
        ' pagingenabled="true" pagesize="1000"/>\n</qgsWFSConnections>\n'
    )
