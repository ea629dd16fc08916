"""HTML pages of the OGC API: our templates instead of pygeoapi's, which load their styles from other hosts.

A template receives the variables of every page (`server/page/frame.py`), pygeoapi's document as `data`, the parameters
as `asked`, and functions. For the id of a layer: `title_of`, `label_of` (the field that names features), `fields_of`,
`filters_of` and `sorts_of` (the members of its schemas by name), `values_of` (writes values). `paged` returns the
parameters of the same list with another limit, `geometries_of` the features with their geometries alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from server.ogc.schema import queryables, returnables, sortables
from server.ogc.values import PropertyWriter
from server.ogc.visit import Visit
from server.page.frame import PageReading, render_page


@dataclass(frozen=True, slots=True)
class Page:
    """A document of pygeoapi and its template."""

    template: str
    data: dict[str, Any]


def _fields_of(visit: Visit, layer_id: str) -> dict[str, dict[str, Any]]:
    return returnables(visit.catalog.visible(layer_id, visit.actor), visit.actor, visit.catalog, visit.language)


def _values_of(visit: Visit, layer_id: str) -> PropertyWriter:
    return PropertyWriter(_fields_of(visit, layer_id), visit.language)


def _title_of(visit: Visit, layer_id: str) -> str:
    definition = visit.catalog.visible(layer_id, visit.actor).definition
    return visit.title(definition.title_zh, definition.title_en)


def _filters_of(visit: Visit, layer_id: str) -> dict[str, dict[str, Any]]:
    return queryables(visit.catalog.visible(layer_id, visit.actor), visit.actor, visit.catalog, visit.language)


def _sorts_of(visit: Visit, layer_id: str) -> dict[str, dict[str, Any]]:
    return sortables(visit.catalog.visible(layer_id, visit.actor), visit.actor, visit.catalog, visit.language)


def _label_of(visit: Visit, layer_id: str) -> str | None:
    return visit.catalog.visible(layer_id, visit.actor).definition.map.label


def _paged(visit: Visit, limit: int) -> str:
    """Return the parameters of the first page of the same list with another number of features on it."""
    kept = {name: value for name, value in visit.given.items() if name not in {"cursor", "offset"}}
    return urlencode({**kept, "f": "html", "lang": visit.language, "limit": limit})


def _geometries_of(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "Feature", "properties": {}, "geometry": feature["geometry"]} for feature in features]


def render(page: Page, visit: Visit) -> bytes:
    """Return a page as UTF-8."""
    has_feeds = visit.state.settings.server.admin_port is None
    reading = PageReading(visit.language, visit.base, visit.path, {**visit.given, "f": "html"}, has_feeds)
    values = {
        "data": page.data,
        "title_of": partial(_title_of, visit),
        "fields_of": partial(_fields_of, visit),
        "values_of": partial(_values_of, visit),
        "filters_of": partial(_filters_of, visit),
        "sorts_of": partial(_sorts_of, visit),
        "label_of": partial(_label_of, visit),
        "asked": visit.given,
        "paged": partial(_paged, visit),
        "geometries_of": _geometries_of,
    }
    return render_page(page.template, reading, values)
