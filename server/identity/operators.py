"""What only operators may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from layers.actor import Actor
from layers.errors import Forbidden
from server.identity.auth import actor_of

CLEARANCE = 4


def operator_of(actor: Annotated[Actor, Depends(actor_of)]) -> Actor:
    """Return the actor of a request if it is an operator, as a FastAPI dependency.

    Raises
    ------
    Forbidden
        For anybody else: what feeds sent may hold anything.
    """
    if actor.clearance < CLEARANCE or actor.area_prefixes:
        raise Forbidden("this is for operators; send 'Authorization: Bearer' with the operator token")
    return actor


Operator = Annotated[Actor, Depends(operator_of)]
