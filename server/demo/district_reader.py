"""The features the demo city moves in, read from the running service like any client reads them: OGC API Features."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import httpx

from twin.city.district import PROPERTIES, CityDistrict

_PAGE = 5000
_FEATURES_MAX = 60_000  # of one collection
_WAIT_S, _WAIT_S_MAX = 0.5, 20.0


async def read_district(client: httpx.AsyncClient, collections: Collection[str] = tuple(PROPERTIES)) -> CityDistrict:
    """Read the collections the city needs, with no more of each than it needs.

    Waits, as long as it takes, for a service that does not answer or is busy. A collection that is not there, or that
    we may not see, is empty; a property that is not there is left out.
    """
    return CityDistrict({name: await _read(client, name) for name in collections})


async def _read(client: httpx.AsyncClient, collection: str) -> list[dict[str, Any]]:
    known = await _get(client, f"/ogc/collections/{collection}/queryables?f=json")
    wanted = [name for name in PROPERTIES[collection] if name in known.get("properties", {})]
    found: list[dict[str, Any]] = []
    url: str | None = f"/ogc/collections/{collection}/items?limit={_PAGE}&properties={','.join(wanted)}"
    while url and wanted and len(found) < _FEATURES_MAX:
        page = await _get(client, url)
        found += page.get("features", [])
        url = next((link["href"] for link in page.get("links", ()) if link["rel"] == "next"), None)
        url = url and str(httpx.URL(url).raw_path, "ascii")  # the address we were given, whatever it calls itself
    return found


async def _get(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    wait_s = _WAIT_S
    while True:
        try:
            answer = await client.get(url)
            if answer.status_code < 500 and answer.status_code != 429:
                told: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
                return told
        except httpx.HTTPError:
            pass
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _WAIT_S_MAX)
