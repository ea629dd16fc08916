"""Which representation of features a client wants: `f` first, then the Accept header."""

from __future__ import annotations

from dataclasses import dataclass

from layers.errors import BadInput


@dataclass(frozen=True, slots=True)
class Media:
    """A representation of features."""

    f: str
    type: str
    title: str


GEOJSON = Media("json", "application/geo+json", "GeoJSON")
JSONFG = Media("jsonfg", "application/vnd.ogc.fg+json", "JSON-FG")
CSV = Media("csv", "text/csv; charset=utf-8", "CSV")
GEOJSONL = Media("geojsonl", "application/x-ndjson", "GeoJSON, one feature a line")
HTML = Media("html", "text/html", "HTML")
JSONLD = Media("jsonld", "application/ld+json", "JSON-LD")
FAST = (GEOJSON, JSONFG, CSV, GEOJSONL)
OFFERED = (*FAST, HTML, JSONLD)

_BY_F = {m.f: m for m in OFFERED} | {"geojson": GEOJSON}
_BY_TYPE = {m.type.partition(";")[0]: m for m in OFFERED} | {
    "application/json": GEOJSON,
    "application/geo+json-seq": GEOJSONL,
    "application/*": GEOJSON,
    "text/*": HTML,
    "*/*": GEOJSON,
}


def wanted(f: str | None, accept: str) -> Media:
    """Choose the representation.

    Parameters
    ----------
    f
        The query parameter, which wins; `None` when it was not given.
    accept
        The Accept header; empty means anything. What it names but we do not have is passed over, and when nothing
        is left GeoJSON is sent (RFC 9110 12.5.1 allows that instead of 406).

    Raises
    ------
    BadInput
        For an `f` that is not offered.
    """
    if f is not None:
        media = _BY_F.get(f)
        if media is None:
            raise BadInput(f"f is '{f[:40]}'; allowed are {', '.join(_BY_F)}", parameter="f")
        return media
    if accept in {"", "*/*"}:
        return GEOJSON
    ranked = sorted((_weighed(part) for part in accept.split(",")[:20]), key=lambda pair: -pair[0])
    return next((_BY_TYPE[kind] for weight, kind in ranked if weight > 0 and kind in _BY_TYPE), GEOJSON)


def _weighed(part: str) -> tuple[float, str]:
    kind, *parameters = (p.strip() for p in part.split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return float(weight), kind.lower()
    except ValueError:
        return 0.0, kind.lower()
