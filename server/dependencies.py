"""The FastAPI dependencies of routes: what the worker shares, and what a request says of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from layers.actor import OPERATOR, Actor
from layers.errors import Forbidden
from server.http.area import read_area
from server.http.base_url import base_url
from server.state import State, state_of

type Guard = Callable[[Actor], Awaitable[Actor]]


async def _state(connection: HTTPConnection) -> State:
    return state_of(connection.app)


StateHere = Annotated[State, Depends(_state)]


async def _base_url(connection: HTTPConnection, state: StateHere) -> str:
    return base_url(connection.scope, state.settings.server.public_url)


BaseUrlHere = Annotated[str, Depends(_base_url)]


async def _actor(connection: HTTPConnection, state: StateHere) -> Actor:
    return state.authenticator.actor(connection.scope["headers"])


ActorHere = Annotated[Actor, Depends(_actor)]


def require_operator(refusal: str) -> Guard:
    """Return a dependency that yields the actor of a request if it is an operator, else raises Forbidden.

    Parameters
    ----------
    refusal
        The message of the error; it says how to become an operator.
    """

    async def operator(actor: ActorHere) -> Actor:
        if actor.clearance < OPERATOR.clearance or actor.is_bound:
            raise Forbidden(refusal)
        return actor

    return operator


OperatorHere = Annotated[
    Actor, Depends(require_operator("this is for operators; send 'Authorization: Bearer' with the operator token"))
]


async def _area(request: Request, state: StateHere) -> dict[str, Any]:
    return await read_area(request, state.settings.limits)


AreaHere = Annotated[dict[str, Any], Depends(_area)]
