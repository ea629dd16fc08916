"""HTML pages of the OGC API: our templates instead of pygeoapi's, which load their styles from other hosts.

A template receives pygeoapi's variables (`data`, `config`, `locale`, `version`) and also `ui` (address of the page's
files), `base` (address of the map), `lang` (``zh-CN`` or ``en``), `alternate` (address of the other language), and for
the id of a layer `title_of`, `fields_of` (the members of its schema by name) and `values_of` (writes values);
`geometries_of` returns the features with their geometries alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

import orjson
from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from server.build import build_id
from server.ogc.config import service
from server.ogc.schema import returnables
from server.ogc.values import PropertyWriter, unit_text
from server.ogc.visit import Visit
from server.page.assets import WEB, find_assets

TEMPLATES = WEB / "templates"


@dataclass(frozen=True, slots=True)
class Page:
    """A document of pygeoapi and its template."""

    template: str
    data: dict[str, Any]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    environment.globals["unit_text"] = unit_text
    environment.filters["json"] = lambda value: orjson.dumps(value).decode()
    return environment


@lru_cache(maxsize=1)
def _ui() -> str:
    return f"ui/{find_assets().version}"


def _config(visit: Visit) -> dict[str, Any]:
    """Return the service's configuration in the visit's language, as pygeoapi's templates expect it."""
    config = service()
    metadata = {name: {k: _translation(v, visit) for k, v in part.items()} for name, part in config["metadata"].items()}
    return {**config, "metadata": metadata, "server": {**config["server"], "url": visit.ogc}}


def _translation(value: Any, visit: Visit) -> Any:
    return value.get(visit.language, value) if isinstance(value, dict) else value


def _fields_of(visit: Visit, layer_id: str) -> dict[str, dict[str, Any]]:
    return returnables(visit.catalog.visible(layer_id, visit.actor), visit.actor, visit.catalog, visit.language)


def _values_of(visit: Visit, layer_id: str) -> PropertyWriter:
    return PropertyWriter(_fields_of(visit, layer_id), visit.language)


def _title_of(visit: Visit, layer_id: str) -> str:
    definition = visit.catalog.visible(layer_id, visit.actor).definition
    return visit.title(definition.title_zh, definition.title_en)


def _geometries_of(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "Feature", "properties": {}, "geometry": feature["geometry"]} for feature in features]


def render(page: Page, visit: Visit) -> bytes:
    """Return a page as UTF-8."""
    other = "en" if visit.language == "zh-CN" else "zh-CN"
    template = _environment().get_template(page.template)
    text = template.render(
        data=page.data,
        config=_config(visit),
        locale=Locale.parse(visit.language, sep="-"),
        version=build_id(),
        ui=f"{visit.base}/{_ui()}",
        base=visit.base,
        lang=visit.language,
        title_of=partial(_title_of, visit),
        fields_of=partial(_fields_of, visit),
        values_of=partial(_values_of, visit),
        geometries_of=_geometries_of,
        alternate=f"{visit.base}{visit.path}?{urlencode({**visit.given, 'f': 'html', 'lang': other})}",
    )
    return text.encode()
