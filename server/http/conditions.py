"""The parameters that select rows of a layer, the same for items, tiles and maps, as one clause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, join
from layers.coordinates.crs import CRS84, parse_crs_or_datum
from layers.cql2 import (
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
    if "bbox" not in given:
        if "bbox-crs" in given:
            raise BadInput("bbox-crs is given without a bbox", parameter="bbox-crs")
        return EMPTY
    crs = parse_crs_or_datum(given["bbox-crs"], "bbox-crs") if "bbox-crs" in given else CRS84
    bbox = parse_bbox(given["bbox"], crs)
    if "geom" not in queryables:
        raise BadInput(f"layer '{layer.id}' has no geometries: bbox cannot select from it", parameter="bbox")
    return compile_bbox(bbox, queryables["geom"])


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
    crs = parse_crs_or_datum(given["filter-crs"], "filter-crs") if "filter-crs" in given else CRS84
    length = limits.filter_bytes if body is None else limits.body_bytes
    bounds = FilterLimits(length=length, vertices=limits.filter_vertices)
    return compile_filter(parse(expression, language, limits=bounds), queryables, filter_crs=crs)
