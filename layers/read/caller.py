"""The rows of a rule: a CQL2 condition over the fields of a layer, in which `caller(…)` stands for who asks.

Values of the caller take the place of `caller('name')` in the parsed expression before it is compiled, so they are
bound like any literal. What the caller does not have is null: no comparison with it is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from layers.actor import Actor
from layers.clause import Clause
from layers.coordinates.crs import CRS84
from layers.cql2 import FilterLimits, Queryable, parse
from layers.cql2.compile import compile_expression
from layers.cql2.match import Test, matcher
from layers.cql2.operand import NULL
from layers.definition import LayerDefinition
from layers.errors import BadFilter

CALLER = "caller"
_LIMITS = FilterLimits(length=2_000, nodes=500, depth=20, vertices=1_000)


def compile_rows(text: str, queryables: Mapping[str, Queryable], actor: Actor) -> Clause:
    """Return the condition of a rule's rows over alias `f`, for an actor.

    Raises
    ------
    BadFilter
        When the text is no condition over these properties.
    """
    return compile_expression(_bound(_parsed(text), actor), queryables, CRS84)


def match_rows(text: str, queryables: Mapping[str, Queryable], actor: Actor) -> tuple[Test, frozenset[str]]:
    """Return the same condition as a test in memory, and the names of the properties it reads.

    Raises
    ------
    BadFilter
        As `compile_rows`; also for what only the database can compute.
    """
    return matcher(_bound(_parsed(text), actor), queryables, CRS84)


def row_queryables(definition: LayerDefinition) -> dict[str, Queryable]:
    """Return what the rows of a rule may be chosen by: every field, the id and the geometry."""
    found = {"id": Queryable("id", "id", "string")}
    if definition.geometry_type != "None":
        found["geom"] = Queryable("geom", "geom", "geometry", definition.geometry_type, definition.motion is not None)
    return found | {field.name: Queryable(field.name, field.name, field.type) for field in definition.fields}


def properties_of(text: str) -> frozenset[str]:
    """Return the names of the properties that a rule's rows are chosen by."""
    return frozenset(_properties(_parsed(text)))


def check_rows(text: str, definition: LayerDefinition) -> None:
    """Check the rows of a rule on a layer, for a caller of whom nothing is known.

    Raises
    ------
    BadFilter
        When the text is no condition over the fields of the layer and the caller.
    """
    compile_rows(text, row_queryables(definition), Actor("check", clearance=1))


@lru_cache(maxsize=2_000)
def _parsed(text: str) -> Any:
    return parse(text, "cql2-text", limits=_LIMITS)


def _properties(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("property"), str):
            yield node["property"]
        for part in node.values():
            yield from _properties(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _properties(part)


def _bound(node: Any, actor: Actor) -> Any:
    """Return an expression with the caller's values in the places of `caller(…)`."""
    if isinstance(node, list | tuple):
        members: list[Any] = []
        for part in node:
            bound = _bound(part, actor)
            members += bound if isinstance(bound, _Values) else [bound]
        return members
    if not isinstance(node, dict):
        return node
    if str(node.get("op", "")).lower() == CALLER:
        return _value(node.get("args"), actor)
    if "op" in node:
        args = [_bound(part, actor) for part in node.get("args", ())]
        is_array = str(node["op"]).lower().startswith("a_")
        return {**node, "args": [_argument(part, is_array=is_array) for part in args]}
    return node


class _Values(list[str]):
    """Several values of the caller: the members of a list."""


def _argument(bound: Any, *, is_array: bool) -> Any:
    if not isinstance(bound, _Values):
        return [bound] if is_array and (isinstance(bound, str) or bound is NULL) else bound
    if is_array:
        return list(bound)
    raise BadFilter("areas, departments and roles are lists: write field IN (caller('areas'))", parameter="rows")


def _value(args: Any, actor: Actor) -> Any:
    if not isinstance(args, list | tuple) or len(args) != 1 or not isinstance(args[0], str):
        raise BadFilter("caller takes the name of one attribute in quotes: caller('worker_id')", parameter="rows")
    name = args[0]
    if name == "subject":
        return actor.subject
    lists = {"departments": actor.departments, "areas": actor.area_prefixes, "roles": actor.roles}
    if name in lists:
        return _Values(lists[name])
    return next((value for known, value in actor.attributes if known == name), NULL)
