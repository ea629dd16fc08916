"""The parameters that an operation reads, and that each is given once."""

from __future__ import annotations

from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from layers.errors import BadInput


async def refuse_repeated(request: HTTPConnection) -> None:
    """Refuse a parameter that is given twice: one of the two would change nothing.

    Raises
    ------
    BadInput
        When the operation reads it.
    """
    given = request.query_params
    every = given.multi_items()
    route = request.scope.get("route")
    if len(every) == len(given) or not isinstance(route, APIRoute):
        return
    names = [name for name, _ in every]
    known = read_by(route)
    twice = next((name for name in names if name in known and names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"parameter '{twice}' is given twice; once is allowed", parameter=twice)


_known: dict[str, frozenset[str]] = {}  # by operation; there are as many as routes


def read_by(route: APIRoute) -> frozenset[str]:
    """Return the names of the parameters that a route reads, those of its models too."""
    found = _known.get(route.unique_id)
    if found is None:
        names: set[str] = set()
        for one in get_flat_params(route.dependant):
            names.add(one.alias)
            fields = getattr(one.field_info.annotation, "model_fields", {})
            names |= {field.alias or name for name, field in fields.items()}
        found = _known[route.unique_id] = frozenset(names)
    return found
