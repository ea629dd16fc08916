"""Machine-readable items and single features, answered in front of pygeoapi with bytes that PostgreSQL wrote.

HTML, JSON-LD and other addresses go on to the application behind.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.layer_rights import rights_of
from server.audit.touched import touch
from server.formats.columnar import ColumnFormat
from server.formats.table import choose_format
from server.formats.written import TextFormat
from server.http.base_url import base_url
from server.http.body import read_text
from server.http.compression import send_bytes
from server.http.conditional import Validators, not_modified
from server.http.fast_path import FastPath
from server.http.parameters import parameters_of
from server.http.scope import raw_path
from server.identity.identity import actor_of_request
from server.items.answer import exchanged_fields, features, single_feature
from server.items.bulk import is_bulk, send_bulk
from server.items.call import PREFIX, ItemsCall
from server.state import State

FILTER_TYPES = {
    "application/json",
    "application/query-cql-json",
    "application/cql2+json",
    "application/cql2+text",
    "text/plain",
}
"""Media types of a POST that are a filter; any other body (a feature to create) is left to the application."""


_MOVING = re.compile(r".+/(?:tgsequence|tproperties(?:/[^/]+)?)/?")
"""What follows `/items/` of the movements of a feature (`server/ogc/moving`); a slash of an id is written `%2F`."""


class FastItems(FastPath[State]):
    """The fast path of items."""

    async def _answers(self, scope: Scope, receive: Receive, send: Send) -> bool:
        parts = _address(scope)
        if parts is None:
            return False
        state = self._state()
        call = await _read(parts, scope, receive, state)
        if call is None:
            return False
        await _answer(call, scope, receive, send, state)
        return True


def _address(scope: Scope) -> tuple[str, str | None] | None:
    """Return collection and feature id of an items address, decoded once; `None` for any other address."""
    if not scope["path"].startswith(PREFIX) or "/items" not in scope["path"]:
        return None
    parts = raw_path(scope).removeprefix(PREFIX).split("/", 2)
    if len(parts) < 2 or parts[1] != "items" or (len(parts) == 3 and (not parts[2] or _MOVING.fullmatch(parts[2]))):
        return None
    return unquote(parts[0]), unquote(parts[2]) if len(parts) == 3 else None


async def _read(parts: tuple[str, str | None], scope: Scope, receive: Receive, state: State) -> ItemsCall | None:
    """Read the request; `None` when it is one for the application behind."""
    headers = dict(scope["headers"])
    collection, feature_id = parts
    post = scope["method"] == "POST"
    if scope["method"] not in {"GET", "HEAD", "POST"} or (post and (feature_id or not is_filter(headers))):
        return None
    query_string = scope["query_string"].decode("latin-1")
    given = parameters_of(query_string, state.settings.limits)
    media = choose_format(given.get("f"), headers.get(b"accept", b"").decode("latin-1"))
    if not isinstance(media, TextFormat | ColumnFormat) or not (feature_id is None or media.single):
        return None
    actor = actor_of_request(scope)
    return ItemsCall(
        layer=state.catalog.current.visible(collection, actor),
        actor=actor,
        media=media,
        feature_id=feature_id,
        query_string=query_string,
        given=given,
        body=await read_text(receive, state.settings.limits.body_bytes, scope["headers"]) if post else None,
        base=base_url(scope, state.settings.server.public_url),
    )


async def _answer(call: ItemsCall, scope: Scope, receive: Receive, send: Send, state: State) -> None:
    validators = _validators(call, state)
    if validators and not_modified(dict(scope["headers"]), validators):
        touch(call.layer, call.actor, feature=call.feature_id)
        headers = call.headers(call.crs, state.settings) | validators.headers()
        await Response(status_code=304, headers=headers)(scope, receive, send)
        return
    if is_bulk(call):
        await send_bulk(call, scope, receive, send, state, validators.headers() if validators else {})
        return
    answer = await (features(call, state) if call.feature_id is None else single_feature(call, state))
    headers = answer.headers | (validators.headers() if validators else {})
    await send_bytes(scope, send, answer.content, call.media.type, headers)


def _validators(call: ItemsCall, state: State) -> Validators | None:
    """Return the validators of a 304, without a query; `None` for POST, and while versions may be old.

    There are none either where the version would reveal more than the actor may see: the live state of a layer moves
    with its hidden rows, and the version of a clearance covers all areas.
    """
    if exchanged_fields(call):
        return None  # tickets count once
    by_grade = rights_of(call.layer.definition, call.actor).is_by_grade
    reveals = not by_grade or call.layer.definition.is_live
    if call.body is not None or not state.catalog.trusted or (reveals and not call.layer.is_open_to(call.actor)):
        return None
    reader = f"{state.build}|{state.catalog.fingerprint}|{call.actor.audience}|{call.media.f}|{call.base}"
    requested = f"{call.layer.id}|{call.layer.freshness}|{call.feature_id}|{call.query_string}"
    tag = blake2b(f"{reader}|{requested}".encode(), digest_size=12).hexdigest()
    return Validators(f'W/"{tag}"', call.layer.fresh_at)


def is_filter(headers: dict[bytes, bytes]) -> bool:
    """Whether the body of a POST is a filter, by its media type; a body without one is taken for CQL2 JSON."""
    kind = headers.get(b"content-type", b"application/json").decode("latin-1").partition(";")[0]
    return kind.strip().lower() in FILTER_TYPES
