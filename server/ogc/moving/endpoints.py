"""The addresses of OGC API - Moving Features: `tgsequence` and `tproperties` of a feature."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from layers.database.connection import in_our_words
from layers.errors import NotFound, TooMuch
from layers.types import Json
from server.formats.geojson import GEOJSON
from server.formats.media import Media
from server.http.caching import UNSTORED_HEADERS
from server.ogc.answer import Endpoint, OgcResponse
from server.ogc.moving.documents import (
    movement_document,
    page_members,
    parametric_values,
    property_document,
    property_head,
    written,
)
from server.ogc.moving.reading import MovingReader, check_moves
from server.ogc.moving.request import MovingRequest, read_moving
from server.ogc.visit import Visit

_READ_MAX = 100  # properties whose values are read for one answer
_ITEM = "/collections/{collection}/items/{feature:path}"


@dataclass(frozen=True, slots=True)
class MovingEndpoint(Endpoint):
    """An address that answers in MF-JSON."""

    parameters: tuple[str, ...] | None = None
    formats: tuple[Media, ...] = (GEOJSON,)
    timeless: bool = False


async def _movements(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    asked = read_moving("tgsequence", visit.given)
    async with _reader(visit, names["feature"], asked) as reader:
        found = await reader.movements()
    return await _answer(movement_document(visit, _address(visit, names, "tgsequence"), asked, found))


async def _properties(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    asked = read_moving("tproperties", visit.given)
    async with _reader(visit, names["feature"], asked) as reader:
        known = list((await reader.properties()).values())
        if asked.is_chosen and len(known) > _READ_MAX:
            raise TooMuch(f"there are {len(known)} properties; leave datetime out, or ask for one by its name")
        values = {one.code: await reader.values(one) for one in known} if asked.is_chosen else {}
    met = [one for one in known if not asked.is_chosen or values[one.code]]
    page = met[asked.offset : asked.offset + asked.limit]
    if asked.cuts:
        told: list[Json] = [part for one in page for part in parametric_values(one, values[one.code])]
    else:
        told = [property_head(one) for one in page]
    address = _address(visit, names, "tproperties")
    return await _answer({"temporalProperties": told} | page_members(visit, address, asked, len(page), len(met)))


async def _property(visit: Visit, names: Mapping[str, str]) -> OgcResponse:
    asked = read_moving("tproperty", visit.given)
    async with _reader(visit, names["feature"], asked) as reader:
        known = await reader.properties()
        if names["name"] not in known:
            allowed = ", ".join(known) or "none"
            raise NotFound(f"there is no property '{names['name'][:63]}'; there are {allowed}", parameter="name")
        found = await reader.values(known[names["name"]])
    return await _answer(property_document(known[names["name"]], found))


def _address(visit: Visit, names: Mapping[str, str], resource: str) -> str:
    return f"{visit.ogc}/collections/{visit.layer.id}/items/{quote(names['feature'], safe='')}/{resource}"


@asynccontextmanager
async def _reader(visit: Visit, feature_id: str, asked: MovingRequest) -> AsyncIterator[MovingReader]:
    check_moves(visit.layer)
    with in_our_words():
        async with visit.state.lookups.acquire() as connection:
            yield MovingReader(connection, visit, visit.layer, feature_id, asked)


async def _answer(document: Json) -> OgcResponse:
    body = await asyncio.to_thread(written, document)
    headers = {"Cache-Control": UNSTORED_HEADERS["Cache-Control"]}
    for link in document.get("links", []):
        if link["rel"] == "next":
            headers["Link"] = f'<{link["href"]}>; rel="next"'
    return OgcResponse(body, "application/json", headers)


ENDPOINTS = (
    MovingEndpoint(f"{_ITEM}/tgsequence", _movements),
    MovingEndpoint(f"{_ITEM}/tproperties", _properties),
    MovingEndpoint(f"{_ITEM}/tproperties/{{name}}", _property),
)
