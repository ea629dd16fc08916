"""All representations of features, and the choice of one for a request: `f` first, then the Accept header."""

from __future__ import annotations

from collections.abc import Iterable

from layers.coordinates.crs import Crs
from layers.definition import LayerDefinition
from layers.errors import BadInput
from server.formats.accept import accepted_types
from server.formats.arrow_stream import ARROW
from server.formats.delimited import CSV
from server.formats.geojson import GEOJSON
from server.formats.geojsonl import GEOJSONL
from server.formats.geojsonseq import GEOJSONSEQ
from server.formats.geoparquet import GEOPARQUET
from server.formats.jsonfg import JSONFG
from server.formats.media import Media
from server.formats.pages import HTML, JSONLD
from server.formats.vector_file import FLATGEOBUF, GEOPACKAGE
from server.formats.workbook import XLSX

FORMATS: tuple[Media, ...] = (
    *(GEOJSON, JSONFG, CSV, GEOPARQUET, ARROW, FLATGEOBUF, GEOPACKAGE, XLSX, GEOJSONL, GEOJSONSEQ),
    *(HTML, JSONLD),
)
"""In the order of links; a new format is one line here. The first one is the default."""


def offered(layer: LayerDefinition | None = None, *, single: bool = False) -> tuple[Media, ...]:
    """Return the representations of a page, or those of a single feature; None is any layer."""
    has_none = layer is not None and layer.geometry_type == "None"
    return tuple(m for m in FORMATS if (m.single or not single) and not (m.needs_geometry and has_none))


def choose_format(f: str | None, accept: str) -> Media:
    """Return the representation for a request.

    Parameters
    ----------
    f
        The query parameter, which decides; `None` when it was not given.
    accept
        The Accept header; empty means anything. Types that no representation has are skipped; when none is left,
        the default is sent (RFC 9110 12.5.1 allows that instead of 406).

    Raises
    ------
    BadInput
        For an `f` that is not offered.
    """
    if f is not None:
        chosen = next((media for media in FORMATS if f == media.f or f in media.aliases), None)
        if chosen is None:
            names = [*(media.f for media in FORMATS), *(alias for media in FORMATS for alias in media.aliases)]
            raise BadInput(f"f is '{f[:40]}'; allowed are {', '.join(names)}", parameter="f")
        return chosen
    if accept in {"", "*/*"}:
        return FORMATS[0]
    known = (_by_type(kind) for kind in accepted_types(accept))
    return next((media for media in known if media is not None), FORMATS[0])


def check_crs(media: Media, crs: Crs, among: Iterable[Media] = FORMATS, parameter: str = "crs") -> None:
    """Check that an answer in a representation, of those that the address has, can be had in a system.

    Raises
    ------
    BadInput
        For a shifted datum in a representation that names its system by a registered code, or not at all.
    """
    if crs.datum is not None and not media.shifts:
        allowed = ", ".join(one.f for one in among if one.shifts)
        raise BadInput(
            f"{media.title} cannot say that its coordinates are {crs.name}, which has no registered code; with "
            f"{parameter}={crs.datum} take f={allowed}",
            parameter=parameter,
        )


def is_export(f: str | None) -> bool:
    """Whether `f` names an export, which is heavy work."""
    return any(media.export and (media.f == f or f in media.aliases) for media in FORMATS)


def _by_type(kind: str) -> Media | None:
    return next((media for media in FORMATS if kind == media.base_type or kind in media.accepted), None)
