"""Nothing is accepted that changes nothing: a coordinate system is refused where no answer follows it."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from layers.errors import BadInput
from server.surroundings.read_parameters import read_by

_OF_ANSWERS = ("crs", "answer_crs")
_INSTEAD = {
    "/sta/": "; places of SensorThings, also in $filter, are in WGS 84, for its standard can name no other system:"
    " items and EDR of the same stations have crs",
    "/raster/": "; a raster is asked in degrees of CRS84 here: EDR of the same raster has crs",
    "/tiles/": "; tiles are in the systems of their grids alone, in which programs draw them: items have crs",
    "/twin/download": "; the archive holds layers as they are: items with limit=all have crs",
}
"""Where to turn instead, by the beginning of the address."""


async def refuse_idle_crs(request: HTTPConnection) -> None:
    """Refuse `crs` and `answer_crs` at an address that does not read them.

    Raises
    ------
    BadInput
        When one is given there.
    """
    given = [name for name in _OF_ANSWERS if name in request.query_params]
    route = request.scope.get("route")
    if not given or not isinstance(route, APIRoute):
        return
    known = read_by(route)
    idle = next((name for name in given if name not in known), None)
    if idle is not None:
        path = request.scope["path"]
        instead = next((told for begin, told in _INSTEAD.items() if path.startswith(begin)), "")
        other = next((f"; it has {name}" for name in _OF_ANSWERS if name in known), instead)
        raise BadInput(f"{idle} changes nothing here, and is refused{other}", parameter=idle)
