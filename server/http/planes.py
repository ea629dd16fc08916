"""The operators' addresses: on a port of their own, where `server.admin_port` names one, they are nowhere else.

The operators' port answers every address; the public port answers these as if they did not exist.
"""

from __future__ import annotations

from starlette.types import Scope

PLANE = "plane"  # the key in the state of a connection
PUBLIC, OPERATORS = "public", "operators"
OPERATORS_ADDRESSES = (
    *("/metrics", "/audit", "/policy", "/users", "/tokens", "/sessions", "/approvals", "/status", "/layers"),
    *("/twin/feeds", "/twin/rules", "/twin/outlets", "/twin/refused", "/twin/incomplete", "/twin/exercises"),
)
"""Every route that needs a duty of an operator lies at or below one of these; a test walks the routes."""


def is_operators(path: str) -> bool:
    """Whether an address is an operator's."""
    return path.startswith(OPERATORS_ADDRESSES) and any(
        path == one or path.startswith(one + "/") for one in OPERATORS_ADDRESSES
    )


def hides_operators(scope: Scope, admin_port: int | None) -> bool:
    """Whether a request came by the public port, while operators have their own."""
    return admin_port is not None and scope.get("state", {}).get(PLANE) != OPERATORS


def is_hidden(scope: Scope, admin_port: int | None) -> bool:
    """Whether a request asks for an operator's address on the public port, while operators have their own."""
    return hides_operators(scope, admin_port) and is_operators(scope["path"])
