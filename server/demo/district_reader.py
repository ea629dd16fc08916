"""The features of the demo city, read from the running service by OGC API Features, as any client reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import httpx

from layers.errors import Unauthenticated
from twin.city.district import PROPERTIES, CityDistrict

_PAGE = 5000
_FEATURES_MAX = 60_000  # of one collection
_WAIT_S, _WAIT_S_MAX = 0.5, 20.0


async def read_district(client: httpx.AsyncClient, collections: Collection[str] = tuple(PROPERTIES)) -> CityDistrict:
    """Read the collections and properties that the city needs.

    While the service does not answer or is busy, the request is repeated without a limit. A collection that does not
    exist or is hidden is empty; a property that does not exist is left out.

    Raises
    ------
    Unauthenticated
        When the service refuses the client's token: without it most of the district is hidden.
    """
    return CityDistrict({name: await _read(client, name) for name in collections})


async def _read(client: httpx.AsyncClient, collection: str) -> list[dict[str, Any]]:
    known = await _get(client, f"/ogc/collections/{collection}/queryables?f=json")
    chosen = [name for name in PROPERTIES[collection] if name in known.get("properties", {})]
    found: list[dict[str, Any]] = []
    url: str | None = f"/ogc/collections/{collection}/items?limit={_PAGE}&properties={','.join(chosen)}"
    while url and chosen and len(found) < _FEATURES_MAX:
        page = await _get(client, url)
        found += page.get("features", [])
        url = next((link["href"] for link in page.get("links", ()) if link["rel"] == "next"), None)
        url = url and str(httpx.URL(url).raw_path, "ascii")  # our address of the service, not the one in its links
    return found


async def _get(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    wait_s = _WAIT_S
    while True:
        try:
            response = await client.get(url)
            if response.status_code == 401:
                raise Unauthenticated(f"the service refuses the token with which the district is read: {response.text}")
            if response.status_code < 500 and response.status_code != 429:
                document: dict[str, Any] = response.json() if response.status_code == 200 else {}
                return document
        except httpx.HTTPError:
            pass
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _WAIT_S_MAX)
