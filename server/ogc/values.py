"""The values of properties on a page: the label of a code, the unit of a number, local times, yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from markupsafe import Markup, escape

from server.http.language import Language
from server.page.local_time import local_minute
from server.page.units import unit_text

_YES_NO: dict[Language, tuple[str, str]] = {"zh-CN": ("是", "否"), "en": ("yes", "no")}


class PropertyWriter:
    """Writes the values of one layer, in Python and not in a template: a page has tens of thousands of them.

    Parameters
    ----------
    fields
        The members of the layer's schema by name.
    """

    def __init__(self, fields: Mapping[str, Mapping[str, Any]], language: Language) -> None:
        self._yes, self._no = _YES_NO[language]
        self._units = {name: unit_text(field["x-ogc-unit"]) for name, field in fields.items() if "x-ogc-unit" in field}
        self._labels = {name: _labels(field) for name, field in fields.items()}
        self._moments = {name for name, field in fields.items() if field.get("format") == "date-time"}

    def cells(self, properties: Mapping[str, Any], names: Iterable[str]) -> Markup:
        """Return the cells of a row of a table."""
        return Markup("".join(f"<td>{self(name, properties.get(name))}</td>" for name in names))  # noqa: S704  # escaped below

    def __call__(self, name: str, value: Any) -> Markup:
        """Return a value, escaped."""
        if isinstance(value, str) and name in self._moments:
            return Markup('<time datetime="{}">{}</time>').format(value, local_minute(value))
        if isinstance(value, str | int | float):
            return self._scalar(name, value)
        if value is None:
            return Markup()
        if isinstance(value, list):
            return Markup("、").join(self(name, one) for one in value)
        return Markup("<code>{}</code>").format(orjson.dumps(value).decode())

    def _scalar(self, name: str, value: str | float) -> Markup:
        if isinstance(value, bool):
            return escape(self._yes if value else self._no)
        label = self._labels[name].get(value) if name in self._labels else None
        if label is not None:
            return label
        if isinstance(value, str):
            linked = value.startswith(("https://", "http://"))
            return Markup('<a href="{0}" rel="noopener nofollow">{0}</a>').format(value) if linked else escape(value)
        return escape(f"{value} {self._units[name]}".rstrip() if name in self._units else value)


def _labels(field: Mapping[str, Any]) -> dict[object, Markup]:
    coded = field.get("oneOf") or field.get("items", {}).get("oneOf") or ()
    written = Markup('{} <small class="soft">{}</small>')
    return {choice["const"]: written.format(choice["title"], choice["const"]) for choice in coded}
