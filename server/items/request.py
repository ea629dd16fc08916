"""What a request for items asks for: its query string, checked, as an `ItemsQuery`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, join
from layers.coordinates.crs import CRS84, parse_crs
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
from layers.read.query import ItemsQuery
from layers.read.rights import visible_fields
from layers.read.sort_keys import sort_keys, sortable_fields
from server.http.language import language_of
from server.settings import LimitSettings

PARAMETERS = (
    "f", "lang", "limit", "offset", "cursor", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang",
    "filter-crs", "sortby", "properties", "skipGeometry", "resulttype", "at", "basis",
)  # fmt: skip
ITEM_PARAMETERS = ("f", "lang", "crs", "at", "basis")
FILTER_LANGUAGES = ("cql2-text", "cql2-json", "cql-text")  # GDAL sends the draft's name cql-text


@dataclass(frozen=True, slots=True)
class ItemsRequest:
    """A checked request: what to read, and whether only the number is wanted."""

    query: ItemsQuery
    hits: bool


def parameters_of(query_string: str, limits: LimitSettings, listed: Sequence[str] = ()) -> dict[str, str]:
    """Split a query string; every parameter may stand once.

    Parameters
    ----------
    listed
        Parameters that may stand several times, which is the same as once with all values by comma.

    Raises
    ------
    BadInput
        When it is too long, is not UTF-8, holds a NUL, or names a parameter twice.
    """
    if len(query_string) > limits.url_bytes:
        raise BadInput(f"the query string has {len(query_string)} bytes; at most {limits.url_bytes} are read")
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=100)
    except (UnicodeDecodeError, ValueError) as error:
        raise BadInput("the query string is not percent-encoded UTF-8, or has more than 100 parameters") from error
    for name in listed:
        values = [text for key, text in pairs if key == name]
        if len(values) > 1:
            pairs = [*(pair for pair in pairs if pair[0] != name), (name, ",".join(values))]
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"parameter '{twice[:80]}' is given twice; once is allowed", parameter=twice[:80])
    if any("\0" in text for pair in pairs for text in pair):
        raise BadInput("a parameter holds a NUL character, which no value here can")
    return parameters


def read_items_request(
    layer: Layer, actor: Actor, given: Mapping[str, str], limits: LimitSettings, body_filter: str | None = None
) -> ItemsRequest:
    """Check the parameters of `/items` and build the query.

    Parameters
    ----------
    given
        Parameters by name, as `parameters_of` returns them.
    body_filter
        The body of a POST: a CQL2 filter, its language by `filter-lang` (JSON when absent).

    Raises
    ------
    BadInput
        For anything unknown or malformed; the message says what was given and what is allowed.
    """
    queryables = queryables_of(layer.definition, actor)
    refuse_unknown(given, (*PARAMETERS, *queryables))
    language_of(given.get("lang"), "")
    hits = _choice(given, "resulttype", ("results", "hits"), "results") == "hits"
    query = ItemsQuery(
        layer_of(layer, given),
        actor,
        where=_where(layer, given, queryables, limits, body_filter),
        properties=_properties(layer, actor, given.get("properties")),
        skip_geometry=_choice(given, "skipGeometry", ("true", "false"), "false") == "true",
        crs=parse_crs(given["crs"], "crs") if "crs" in given else CRS84,
        sort=sort_keys(given["sortby"], sortable_fields(layer, actor)) if given.get("sortby") else (),
        limit=min(_number(given, "limit", limits.page_default, lowest=1), limits.page_max),
        offset=_number(given, "offset", 0, lowest=0),
        after=read_cursor(given["cursor"]) if "cursor" in given else None,
    )
    return ItemsRequest(query, hits)


def read_condition(
    layer: Layer, actor: Actor, given: Mapping[str, str], limits: LimitSettings, parameters: Sequence[str]
) -> Clause:
    """Read what a request that is not for items asks of rows: the same filters, in the same words.

    Parameters
    ----------
    parameters
        Those of `PARAMETERS` that the request may have beside properties.

    Raises
    ------
    BadInput
        For anything unknown or malformed.
    """
    queryables = queryables_of(layer.definition, actor)
    refuse_unknown(given, (*parameters, *queryables))
    return _where(layer, given, queryables, limits, None)


def layer_of(layer: Layer, given: Mapping[str, str]) -> Layer:
    """Return the layer as of the moment that `at` and `basis` name; itself when they name none.

    Raises
    ------
    BadInput
        When they are malformed, or the moment is not yet.
    """
    moment = read_moment(given.get("at"), given.get("basis"))
    return layer if moment is None else layer.as_of(moment)


def _where(
    layer: Layer,
    given: Mapping[str, str],
    queryables: Mapping[str, Queryable],
    limits: LimitSettings,
    body_filter: str | None,
) -> Clause:
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


def _bbox(layer: Layer, given: Mapping[str, str], queryables: Mapping[str, Queryable]) -> Clause:
    if "bbox" not in given:
        if "bbox-crs" in given:
            raise BadInput("bbox-crs is given without a bbox", parameter="bbox-crs")
        return EMPTY
    crs = parse_crs(given["bbox-crs"], "bbox-crs") if "bbox-crs" in given else CRS84
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
    language = _choice(given, "filter-lang", FILTER_LANGUAGES, default)
    expression = body if body is not None else text
    if expression is None:
        return EMPTY
    crs = parse_crs(given["filter-crs"], "filter-crs") if "filter-crs" in given else CRS84
    length = limits.filter_bytes if body is None else limits.body_bytes
    bounds = FilterLimits(length=length, vertices=limits.filter_vertices)
    return compile_filter(parse(expression, language, limits=bounds), queryables, filter_crs=crs)


def _properties(layer: Layer, actor: Actor, names: str | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    seen = [field.definition.name for field in visible_fields(layer, actor)]
    asked = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in seen and name != "id"]
    if unknown:
        raise BadInput(f"properties names '{unknown[0][:80]}'; allowed are {', '.join(seen)}", parameter="properties")
    return tuple(asked)


def refuse_unknown(given: Mapping[str, str], allowed: Sequence[str]) -> None:
    """Check parameter names.

    Raises
    ------
    BadInput
        For a name that is not allowed; the message lists those that are.
    """
    for name in given:
        if name not in allowed:
            raise BadInput(
                f"there is no parameter '{name[:80]}'; allowed are {', '.join(allowed)}", parameter=name[:80]
            )


def refuse_unknown_item_parameters(given: Mapping[str, str]) -> None:
    """Check the parameter names of `/items/{id}`.

    Raises
    ------
    BadInput
        For a name that is not one of `ITEM_PARAMETERS`, or a language that there is not.
    """
    refuse_unknown(given, ITEM_PARAMETERS)
    language_of(given.get("lang"), "")


def _choice(given: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in allowed:
        raise BadInput(f"{name} is '{value[:80]}'; allowed are {', '.join(allowed)}", parameter=name)
    return value


def _number(given: Mapping[str, str], name: str, default: int, *, lowest: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15) or int(text) < lowest:
        raise BadInput(f"{name} is '{text[:40]}'; allowed are whole numbers from {lowest}", parameter=name)
    return int(text)


def write_cursor(last: str) -> str:
    """Turn the keys of a page's last row (a JSON array of text, as `layers.read.query.page` returns) into a token."""
    return base64.urlsafe_b64encode(last.encode()).rstrip(b"=").decode()


def read_cursor(token: str) -> tuple[str | None, ...]:
    """Read a token of `write_cursor`.

    Raises
    ------
    BadInput
        When it is not one: cursors are for following, not for making.
    """
    try:
        keys = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        keys = None
    valid = isinstance(keys, list) and 0 < len(keys) <= 20 and all(k is None or isinstance(k, str) for k in keys)
    if not valid or keys[-1] is None or any(k is not None and "\0" in k for k in keys):
        raise BadInput("cursor is not one of ours; follow the next link as it was given", parameter="cursor")
    return tuple(keys)
