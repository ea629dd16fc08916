"""The configuration of pygeoapi: `config/pygeoapi.yml` and, as its resources, the layers that an actor may see."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.coordinates.crs import CRS84, served_crs
from server.page.frame import service
from server.settings import Settings

PROVIDER = "server.ogc.provider.LayerProvider"
WORLD = (-180.0, -90.0, 180.0, 90.0)


def pygeoapi_config(settings: Settings, catalog: Catalog, actor: Actor) -> dict[str, Any]:
    """Return the configuration of one audience; a new one each time, since pygeoapi writes into it."""
    config = deepcopy(service())
    limits = settings.limits
    config["server"]["limits"] |= {"default_items": limits.page_default, "max_items": limits.page_max}
    config["resources"] = {layer.id: _resource(layer) for layer in catalog.visible_layers(actor)}
    return config


def _resource(layer: Layer) -> dict[str, Any]:
    definition = layer.definition
    extents: dict[str, Any] = {"spatial": {"bbox": list(layer.extent_crs84 or WORLD), "crs": CRS84.uri}}
    return {
        "type": "collection",
        "title": {"zh-CN": definition.title_zh, "en": definition.title_en},
        "description": {
            "zh-CN": definition.description_zh or definition.title_zh,
            "en": definition.description_en or definition.title_en,
        },
        "keywords": list(definition.keywords),
        "extents": extents,
        "links": [],
        "providers": [_provider(layer)],
    }


def _provider(layer: Layer) -> dict[str, Any]:
    """Describe our provider; pygeoapi takes features as stored in CRS84, so it never turns a box itself."""
    definition = {
        "type": "feature",
        "name": PROVIDER,
        "data": layer.id,
        "id_field": "id",
        "crs": [crs.uri for crs in served_crs()],
    }
    label = layer.definition.map.label or "name"
    if label in layer.definition.by_name:
        definition["title_field"] = label
    return definition | ({"time_field": layer.definition.time} if layer.definition.time else {})
