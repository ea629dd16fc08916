"""The frame of every page that the server writes: templates, the bar, the words of the service, local times.

A template receives `config` (`config/pygeoapi.yml` in the reader's language, as pygeoapi's templates expect it),
`base` (address of the map), `ui` (address of the page's files), `lang` (``zh-CN`` or ``en``), `alternate` (address of
the other language), `has_feeds`, `locale`, `version`, and `data`, which pages of our own leave empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import orjson
import yaml
from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from server.build import build_id
from server.formats.table import FORMATS
from server.http.base_url import base_url
from server.http.language import Language, language_of
from server.installation import PROJECT
from server.page.assets import WEB, find_assets
from server.page.local_time import local_minute
from server.page.titled import in_language
from server.page.units import unit_text
from server.settings import ServerSettings

CONFIG_FILE = PROJECT / "config" / "pygeoapi.yml"
_FORMAT_NAMES = {
    "application/json": "JSON",
    "application/schema+json": "JSON Schema",
    "application/vnd.oai.openapi+json": "OpenAPI",
    "application/x-ndjson": "NDJSON",
    "application/vnd.mapbox-vector-tile": "MVT",
}


@dataclass(frozen=True, slots=True)
class PageReading:
    """Who reads a page, as far as its frame goes.

    Attributes
    ----------
    base
        The address that links start with, without a slash at the end.
    path, given
        Of the requested address: the path, and its parameters, each once.
    has_feeds
        Whether the page of feeds is here, and not on the operators' own port.
    """

    language: Language
    base: str
    path: str
    given: dict[str, str]
    has_feeds: bool = True

    @property
    def other_language(self) -> str:
        """The address of the same page in the other language."""
        other = "en" if self.language == "zh-CN" else "zh-CN"
        return f"{self.base}{self.path}?{urlencode({**self.given, 'lang': other})}"

    def title(self, zh: str, en: str) -> str:
        """Return the text in the reader's language; the other one when it is empty."""
        return (zh or en) if self.language == "zh-CN" else (en or zh)


def reading_of(request: Request, server: ServerSettings) -> PageReading:
    """Return how a page is read.

    Raises
    ------
    BadInput
        For a `lang` that is neither Chinese nor English.
    """
    given = dict(request.query_params)
    language = language_of(given.get("lang"), request.headers.get("accept-language", ""))
    base = base_url(request.scope, server.public_url)
    return PageReading(language, base, request.url.path, given, has_feeds=server.admin_port is None)


def page_response(template: str, reading: PageReading, status: int = 200, **values: Any) -> Response:
    """Return a page of our own; browsers ask again each time, since it is in the reader's language and rights."""
    body = render_page(template, reading, {"data": {}, **values})
    headers = {"Cache-Control": "private, no-cache", "Content-Language": reading.language}
    return Response(
        body, status, headers | {"Vary": "Accept, Accept-Language, Authorization"}, "text/html; charset=utf-8"
    )


def render_page(template: str, reading: PageReading, values: dict[str, Any]) -> bytes:
    """Return a page as UTF-8."""
    framed = {
        "config": _translated(reading),
        "locale": Locale.parse(reading.language, sep="-"),
        "version": build_id(),
        "ui": f"{reading.base}/{_ui()}",
        "base": reading.base,
        "lang": reading.language,
        "alternate": reading.other_language,
        "has_feeds": reading.has_feeds,
    }
    return _environment().get_template(template).render(framed | values).encode()


@lru_cache(maxsize=1)
def service() -> dict[str, Any]:
    """Return the content of `config/pygeoapi.yml`, read once; it must not be changed."""
    config: dict[str, Any] = yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))
    return config


@lru_cache(maxsize=1)
def _environment() -> Environment:
    loader = FileSystemLoader(WEB / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, auto_reload=False)
    environment.globals["unit_text"] = unit_text
    filters: dict[str, Callable[..., str]] = {
        "json": lambda value: orjson.dumps(value).decode(),
        "format_name": format_name,
        "local_minute": local_minute,
        "in_language": in_language,
    }
    environment.filters |= filters
    return environment


@lru_cache(maxsize=1)
def _ui() -> str:
    return f"ui/{find_assets().version}"


def _translated(reading: PageReading) -> dict[str, Any]:
    """Return the service's configuration in the reader's language, as pygeoapi's templates expect it."""
    config = service()
    metadata = {
        name: {
            key: value.get(reading.language, value) if isinstance(value, dict) else value for key, value in part.items()
        }
        for name, part in config["metadata"].items()
    }
    return {**config, "metadata": metadata, "server": {**config["server"], "url": f"{reading.base}/ogc"}}


def format_name(media_type: str) -> str:
    """Return what people call a media type: GeoJSON for ``application/geo+json``; else its last part.

    Examples
    --------
    >>> format_name("application/geo+json")
    'GeoJSON'
    """
    base = media_type.partition(";")[0].strip()
    known = {media.base_type: media.title for media in FORMATS} | _FORMAT_NAMES
    return known.get(base) or base.rpartition("/")[2]
