"""What a request says of exports: the number of an approval, in a header or in a parameter that no address sees."""

from __future__ import annotations

from urllib.parse import unquote_plus

from starlette.types import Scope

HEADER = "OneMap-Approval"
PARAMETER = "approval"
_HEADER = HEADER.lower().encode()
_MARK = b"approval="
_CHARS_MAX = 64


def take_number(scope: Scope) -> tuple[Scope, str | None]:
    """Return a request without the parameter, and the number that its header or parameter names; None without one."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), None)
    query: bytes = scope["query_string"]
    if _MARK in query:
        parts = query.split(b"&")
        mine = [part for part in parts if part.startswith(_MARK)]
        if mine:
            kept = b"&".join(part for part in parts if not part.startswith(_MARK))
            scope = {**scope, "query_string": kept}
            given = given or unquote_plus(mine[0].removeprefix(_MARK).decode("latin-1"))
    return scope, given.strip()[:_CHARS_MAX] if given else None


def asked_of(scope: Scope) -> str | None:
    """Return the text by which a request is known again; None for one whose body says what it asks for."""
    if scope.get("method") not in {"GET", "HEAD"}:
        return None
    return f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
