"""The FastAPI dependencies of routes: what the worker shares, and what a request says of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from layers.actor import Actor
from layers.errors import Forbidden
from layers.policy.definition import Duty
from server.http.area import read_area
from server.http.base_url import base_url
from server.identity.identity import Identity, actor_of_request, identity_of
from server.state import State, state_of

type Guard = Callable[[Identity], Awaitable[Identity]]


async def _state(connection: HTTPConnection) -> State:
    return state_of(connection.app)


StateHere = Annotated[State, Depends(_state)]


async def _base_url(connection: HTTPConnection, state: StateHere) -> str:
    return base_url(connection.scope, state.settings.server.public_url)


BaseUrlHere = Annotated[str, Depends(_base_url)]


async def _identity(connection: HTTPConnection) -> Identity:
    return identity_of(connection.scope)


IdentityHere = Annotated[Identity, Depends(_identity)]


async def _actor(connection: HTTPConnection) -> Actor:
    return actor_of_request(connection.scope)


ActorHere = Annotated[Actor, Depends(_actor)]


def require_duty(*duties: Duty) -> Guard:
    """Return a dependency that yields the identity of a request if its roles have one of the duties.

    It raises Forbidden where they have none.
    """

    async def guard(identity: IdentityHere) -> Identity:
        if identity.duties.isdisjoint(duties):
            named = "' or '".join(duties)
            raise Forbidden(
                f"this needs the duty '{named}'; log in, or send 'Authorization: Bearer' with a token that has it"
            )
        return identity

    return guard


async def _area(request: Request, state: StateHere) -> dict[str, Any]:
    return await read_area(request, state.settings.limits)


AreaHere = Annotated[dict[str, Any], Depends(_area)]
