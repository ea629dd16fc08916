"""The parameters that select rows of a layer, the same for items, tiles and maps, as one clause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, join
from layers.coordinates.crs import read_question_crs
from layers.cql2 import (
    DegreeBox,
    FilterLimits,
    Queryable,
    compile_bbox,
    compile_datetime,
    compile_filter,
    compile_property,
    parse,
    parse_bbox,
    queryables_of,
)
from layers.errors import BadInput
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.http.parameters import read_choice, refuse_unknown
from server.settings import LimitSettings

PARAMETERS = (
    "f", "lang", "limit", "offset", "cursor", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang",
    "filter-crs", "sortby", "properties", "skipGeometry", "resulttype", "at", "basis",
)  # fmt: skip
"""Parameters of `/items`; a property of such a name is no parameter of its own."""
BboxCrs = Annotated[
    str | None,
    Field(
        alias="bbox-crs",
        max_length=200,
        description="bbox 的坐标系，含 gcj02、bd09 the system of bbox, also gcj02 and bd09; OGC:CRS84 by default",
    ),
]
FilterCrs = Annotated[
    str | None,
    Field(
        alias="filter-crs",
        max_length=200,
        description="filter 中坐标的坐标系 the system of places in filter; OGC:CRS84 by default",
    ),
]
FILTER_LANGUAGES = ("cql2-text", "cql2-json", "cql-text")  # GDAL sends the draft's name cql-text


def read_condition(
    layer: Layer, actor: Actor, given: Mapping[str, str], limits: LimitSettings, parameters: Sequence[str]
) -> Clause:
    """Return the condition on the rows of a layer for an address other than `/items`.

    Parameters
    ----------
    parameters
        Parameters of the address, beside the properties of the layer.

    Raises
    ------
    BadInput
        For anything unknown or malformed.
    """
    queryables = queryables_of(layer.definition, actor)
    refuse_unknown(given, (*parameters, *queryables))
    return condition_of(layer, given, queryables, limits)


def condition_of(
    layer: Layer,
    given: Mapping[str, str],
    queryables: Mapping[str, Queryable],
    limits: LimitSettings,
    body_filter: str | None = None,
) -> Clause:
    """Return the condition of checked parameter names; empty means every row.

    Parameters
    ----------
    body_filter
        The body of a POST: a CQL2 filter, its language by `filter-lang` (JSON when absent).

    Raises
    ------
    BadInput
        For a malformed value.
    """
    return join(
        " AND ",
        (
            _bbox(layer, given, queryables),
            _datetime(layer, given, queryables),
            _filter(given, queryables, limits, body_filter),
            *(
                compile_property(n, v, queryables[n])
                for n, v in given.items()
                if n in queryables and n not in PARAMETERS
            ),
        ),
    )


def layer_of(layer: Layer, actor: Actor, given: Mapping[str, str]) -> Layer:
    """Return the layer as of the moment in `at` and `basis`; the layer itself when they are absent.

    Raises
    ------
    BadInput
        When they are malformed, or the moment lies in the future.
    Forbidden
        When the actor may not look back.
    """
    moment = read_moment(given.get("at"), given.get("basis"))
    return layer_at(layer, actor, moment)


def _bbox(layer: Layer, given: Mapping[str, str], queryables: Mapping[str, Queryable]) -> Clause:
    bbox = read_box(given.get("bbox"), given.get("bbox-crs"))
    if bbox is None:
        return EMPTY
    if "geom" not in queryables:
        raise BadInput(f"layer '{layer.id}' has no geometries: bbox cannot select from it", parameter="bbox")
    return compile_bbox(bbox, queryables["geom"])


def read_box(bbox: str | None, bbox_crs: str | None) -> DegreeBox | None:
    """Return the box of the parameters `bbox` and `bbox-crs`; None where there is none.

    Raises
    ------
    BadInput
        When it is malformed, or a system is named for no box.
    """
    if bbox is None:
        if bbox_crs is not None:
            raise BadInput("bbox-crs is given without a bbox", parameter="bbox-crs")
        return None
    return parse_bbox(bbox, read_question_crs(bbox_crs, "bbox-crs"))


def _datetime(layer: Layer, given: Mapping[str, str], queryables: Mapping[str, Queryable]) -> Clause:
    if "datetime" not in given:
        return EMPTY
    time = layer.definition.time
    if time is None or time not in queryables:  # OGC API - Features 7.15.4: without a time, every feature matches
        return compile_datetime(given["datetime"], None)
    return compile_datetime(given["datetime"], queryables[time])


def _filter(
    given: Mapping[str, str], queryables: Mapping[str, Queryable], limits: LimitSettings, body: str | None
) -> Clause:
    text = given.get("filter")
    if body is not None and text is not None:
        raise BadInput("the filter is given twice, as parameter and as body; once is allowed", parameter="filter")
    default = "cql2-json" if body is not None else "cql2-text"
    language = read_choice(given, "filter-lang", FILTER_LANGUAGES, default)
    expression = body if body is not None else text
    if expression is None:
        return EMPTY
    crs = read_question_crs(given.get("filter-crs"), "filter-crs")
    length = limits.filter_bytes if body is None else limits.body_bytes
    bounds = FilterLimits(length=length, vertices=limits.filter_vertices)
    return compile_filter(parse(expression, language, limits=bounds), queryables, filter_crs=crs)
