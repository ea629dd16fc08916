"""CQL2, the filter language of OGC API Features Part 3: text or JSON → one bound SQL condition.

::

    text ─ scan, text ─┐                     ┌─ comparison, functions
                       ├─ CQL2 JSON ─ compile ─ temporal, spatial
    JSON ─ json ───────┘                     └─ over operand (types) and queryable (names)

Every input either becomes a condition that fails on no row, or raises a `BadFilter` that names the given and the
allowed. The simple parameters (`bbox`, `datetime`, `name=value`) are built from the same pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from layers.clause import Clause
from layers.coordinates.crs import Crs
from layers.cql2.bbox import DegreeBox, compile_bbox, parse_bbox
from layers.cql2.compile import compile_expression
from layers.cql2.functions import FUNCTIONS
from layers.cql2.json import read_json
from layers.cql2.limits import PARAMETER, FilterLimits, check_size, too_large
from layers.cql2.parameters import compile_datetime, compile_property
from layers.cql2.queryable import Queryable, find_queryable, queryables_of
from layers.cql2.text import read_text
from layers.errors import BadFilter

type Expression = Any  # CQL2 JSON as plain objects: almost always a dict, a bare boolean too
FilterLanguage = Literal["cql2-text", "cql-text", "cql2-json"]
_LANGUAGES = ("cql2-text", "cql2-json", "cql-text")

__all__ = [
    "FUNCTIONS",
    "DegreeBox",
    "Expression",
    "FilterLanguage",
    "FilterLimits",
    "Queryable",
    "compile_bbox",
    "compile_datetime",
    "compile_filter",
    "compile_property",
    "find_queryable",
    "parse",
    "parse_bbox",
    "queryables_of",
]


def parse(expression: str | dict[str, Any], lang: str, *, limits: FilterLimits) -> Expression:
    """Read a filter.

    Parameters
    ----------
    expression
        The text; for ``cql2-json`` also an object that is already parsed.
    lang
        ``cql2-text`` (``cql-text`` is taken as the same, because GDAL sends it) or ``cql2-json``.
    limits
        The sizes above which it is refused, before any code recurses over it.

    Returns
    -------
    Expression
        The CQL2 JSON as plain objects; integers exact, decimals as `Decimal`.

    Raises
    ------
    BadFilter
        When it cannot be parsed (the message names the place) or is too large, or `lang` is unknown.
    """
    if lang not in _LANGUAGES:
        raise BadFilter(f"filter-lang is '{lang[:40]}'; allowed are {', '.join(_LANGUAGES)}", parameter="filter-lang")
    if isinstance(expression, str):
        if len(expression) > limits.length:
            raise too_large("characters", limits.length, len(expression))
        node = read_json(expression, limits) if lang == "cql2-json" else read_text(expression, limits)
    elif lang == "cql2-json":
        node = expression
    else:
        raise BadFilter(f"a filter in {lang} is text, not a JSON object", parameter=PARAMETER)
    check_size(node, limits)
    return node


def compile_filter(expression: Expression, queryables: Mapping[str, Queryable], *, filter_crs: Crs) -> Clause:
    """Compile a filter to a boolean SQL condition over the table alias `f`, in parentheses.

    Parameters
    ----------
    expression
        The expression that `parse` returned.
    queryables
        The properties the actor may search on, by name (`queryables_of`).
    filter_crs
        CRS and axis order of the geometries in the filter.

    Raises
    ------
    BadFilter
        For an unknown property or function (the message lists the known ones), a wrong type or number of arguments, a
        date that does not exist, an invalid geometry or one outside its CRS.
    """
    return compile_expression(expression, queryables, filter_crs)
