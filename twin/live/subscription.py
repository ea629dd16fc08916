"""A client's subscription parameters → an interest, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog
from layers.coordinates.crs import read_question_crs
from layers.cql2 import FilterLimits
from layers.cql2.bbox import DegreeBox, bbox_of, parse_bbox
from layers.errors import BadInput
from twin.live.condition import ChangeFilter
from twin.live.interest import Interest

LAYERS_MAX = 100
AREAS_MAX = 500
_CODE_MAX = 15


@dataclass(frozen=True, slots=True)
class SubscriptionParams:
    """What a client sent.

    Attributes
    ----------
    layers, areas
        Collection ids; prefixes of area or grid codes. Empty means all.
    bbox
        ``west,south,east,north``, as text or numbers; empty means everywhere.
    filter, filter_lang
        CQL2 text, or CQL2 JSON as text or object; without `filter_lang` a text is CQL2 text.
    bbox_crs, filter_crs
        The systems of their places; empty means CRS84.
    """

    layers: Sequence[str] = ()
    areas: Sequence[str] = ()
    bbox: str | Sequence[float] = ""
    filter: str | dict[str, Any] = ""
    filter_lang: str = ""
    bbox_crs: str = ""
    filter_crs: str = ""


def read_interest(catalog: Catalog, actor: Actor, params: SubscriptionParams, limits: FilterLimits) -> Interest:
    """Return the interest of a subscription's parameters.

    Raises
    ------
    NotFound
        For a layer that does not exist, or that the actor may not see.
    BadInput
        For any other error; the message says what is allowed.
    """
    if len(params.layers) > LAYERS_MAX or len(params.areas) > AREAS_MAX:
        raise BadInput(f"a subscription names at most {LAYERS_MAX} layers and {AREAS_MAX} areas", parameter="layers")
    ids = sorted({name.strip() for name in params.layers if name.strip()})
    layers = [catalog.visible(name, actor) for name in ids]
    condition = None
    if params.filter != "":
        lang = params.filter_lang or ("cql2-json" if isinstance(params.filter, dict) else "cql2-text")
        crs = read_question_crs(params.filter_crs, "filter-crs")
        condition = ChangeFilter.read(params.filter, lang, layers, actor, limits, crs)
    box = _bbox(params.bbox, params.bbox_crs)
    if box is None:
        return Interest(frozenset(ids), _areas(params.areas), None, condition)
    return Interest(frozenset(ids), _areas(params.areas), box.rectangles[0], condition, box.outline)


def _areas(given: Sequence[str]) -> tuple[str, ...]:
    codes = sorted({code.strip() for code in given if code.strip()})
    if not all(code.isascii() and code.isalnum() and len(code) <= _CODE_MAX for code in codes):
        raise BadInput(
            f"areas holds codes of areas or grids, letters and digits, at most {_CODE_MAX}", parameter="areas"
        )
    return tuple(codes)


def _bbox(given: str | Sequence[float], crs_name: str) -> DegreeBox | None:
    if not given:
        if crs_name:
            raise BadInput("bbox-crs is given without a bbox", parameter="bbox-crs")
        return None
    crs = read_question_crs(crs_name, "bbox-crs")
    box = parse_bbox(given, crs) if isinstance(given, str) else bbox_of([float(n) for n in given], crs)
    if len(box.rectangles) > 1:
        raise BadInput("bbox crosses the antimeridian, which no district does", parameter="bbox")
    return box
