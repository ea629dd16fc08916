"""The parameters of `/items` and `/items/{id}`, checked, as an `ItemsQuery`; the cursor of a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.coordinates.crs import CRS84, parse_crs_or_datum
from layers.cql2 import queryables_of
from layers.errors import BadInput
from layers.read.query import ItemsQuery
from layers.read.rights import visible_fields
from layers.read.sort_keys import sort_keys, sortable_fields
from server.http.conditions import PARAMETERS, condition_of, layer_of
from server.http.language import language_of
from server.http.parameters import read_choice, read_number, refuse_unknown
from server.settings import LimitSettings

ITEM_PARAMETERS = ("f", "lang", "crs", "at", "basis")
_KEYS_MAX = 20  # keys of a row in a cursor


@dataclass(frozen=True, slots=True)
class ItemsRequest:
    """A checked request: the query, and whether it requests only the number of rows."""

    query: ItemsQuery
    hits: bool


def read_items_request(
    layer: Layer, actor: Actor, given: Mapping[str, str], limits: LimitSettings, body_filter: str | None = None
) -> ItemsRequest:
    """Check the parameters of `/items` and return the request.

    Parameters
    ----------
    given
        Parameters by name, as `parameters_of` returns them.
    body_filter
        The body of a POST: a CQL2 filter, its language by `filter-lang` (JSON when absent).

    Raises
    ------
    BadInput
        For anything unknown or malformed; the message names the given and the allowed values.
    """
    queryables = queryables_of(layer.definition, actor)
    refuse_unknown(given, (*PARAMETERS, *queryables))
    language_of(given.get("lang"), "")
    hits = read_choice(given, "resulttype", ("results", "hits"), "results") == "hits"
    query = ItemsQuery(
        layer_of(layer, actor, given),
        actor,
        where=condition_of(layer, given, queryables, limits, body_filter),
        properties=_properties(layer, actor, given.get("properties")),
        skip_geometry=read_choice(given, "skipGeometry", ("true", "false"), "false") == "true",
        crs=parse_crs_or_datum(given["crs"]) if "crs" in given else CRS84,
        sort=sort_keys(given["sortby"], sortable_fields(layer, actor)) if given.get("sortby") else (),
        limit=min(read_number(given, "limit", limits.page_default, lowest=1), limits.page_max),
        offset=read_number(given, "offset", 0, lowest=0),
        after=read_cursor(given["cursor"]) if "cursor" in given else None,
    )
    return ItemsRequest(query, hits)


def _properties(layer: Layer, actor: Actor, names: str | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    visible = [field.definition.name for field in visible_fields(layer, actor)]
    requested = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in requested if name not in visible and name != "id"]
    if unknown:
        raise BadInput(
            f"properties names '{unknown[0][:80]}'; allowed are {', '.join(visible)}", parameter="properties"
        )
    return tuple(requested)


def refuse_unknown_item_parameters(given: Mapping[str, str]) -> None:
    """Check the parameter names of `/items/{id}`.

    Raises
    ------
    BadInput
        For a name that is not in `ITEM_PARAMETERS`, or an unknown language.
    """
    refuse_unknown(given, ITEM_PARAMETERS)
    language_of(given.get("lang"), "")


def write_cursor(last: str) -> str:
    """Return the token for the keys of a page's last row, a JSON array of text as `layers.read.query.page` returns."""
    return base64.urlsafe_b64encode(last.encode()).rstrip(b"=").decode()


def read_cursor(token: str) -> tuple[str | None, ...]:
    """Return the keys in a token of `write_cursor`.

    Raises
    ------
    BadInput
        When the token is not one of `write_cursor`; clients follow cursors and never make them.
    """
    try:
        keys = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        keys = None
    valid = isinstance(keys, list) and 0 < len(keys) <= _KEYS_MAX and all(k is None or isinstance(k, str) for k in keys)
    if not valid or keys[-1] is None or any(k is not None and "\0" in k for k in keys):
        raise BadInput("cursor is not one of ours; follow the next link as it was given", parameter="cursor")
    return tuple(keys)
