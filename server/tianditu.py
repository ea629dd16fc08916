"""天地图 as a base map: a proxy that holds the operator's key, so that no client sees the key.

The proxy is off until a key is set. It requests only the configured service, and only tiles that exist.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import httpx

from layers.errors import NotFound, Unavailable
from server.settings import MIB, BasemapSettings

LAYERS = ("vec", "cva", "img", "cia")  # map and imagery, each with its names
ZOOMS = range(1, 19)
_IMAGES = {"image/png", "image/jpeg", "image/webp"}
_IMAGE_BYTES_MAX = MIB
_KEPT_S = 24 * 3600
_WAIT_S = 15.0
_HOW = (
    "the base map 天地图 is not configured: set tianditu_key in the section [basemap] of the settings, "
    "or ONEMAP_BASEMAP_TIANDITU_KEY"
)
type _Key = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class BasemapTile:
    """A tile as 天地图 sent it."""

    content: bytes
    media_type: str
    until: float  # seconds of the monotonic clock


class Tianditu:
    """A client of 天地图 with a cache: tiles stay for a day, within a limit in bytes; the oldest is dropped first."""

    def __init__(self, settings: BasemapSettings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(timeout=_WAIT_S, follow_redirects=False)
        self._kept: OrderedDict[_Key, BasemapTile] = OrderedDict()
        self._bytes = 0
        self._running: dict[_Key, asyncio.Task[BasemapTile]] = {}

    @property
    def is_on(self) -> bool:
        """Whether there is a key."""
        return self._settings.tianditu_key is not None

    @property
    def attribution(self) -> str:
        """The attribution of maps that show it."""
        return self._settings.tianditu_attribution

    async def close(self) -> None:
        """Cancel running requests and close the client."""
        for task in list(self._running.values()):
            task.cancel()
        await self._client.aclose()

    async def tile(self, layer: str, z: int, x: int, y: int) -> BasemapTile:
        """Return a tile of Web Mercator; concurrent requests for the same tile share one fetch.

        Raises
        ------
        NotFound
            When the base map is off, or there is no such layer or tile.
        Unavailable
            When 天地图 does not answer with an image.
        """
        _check(layer, z, x, y, is_on=self.is_on)
        key = layer, z, x, y
        kept = self._kept.get(key)
        if kept and kept.until > time.monotonic():
            self._kept.move_to_end(key)
            return kept
        if key not in self._running:
            task = self._running[key] = asyncio.create_task(self._fetch(key))
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(self._running[key])

    async def _fetch(self, key: _Key) -> BasemapTile:
        layer, z, x, y = key
        params = {
            "SERVICE": "WMTS",
            "REQUEST": "GetTile",
            "VERSION": "1.0.0",
            "LAYER": layer,
            "STYLE": "default",
            "TILEMATRIXSET": "w",
            "FORMAT": "tiles",
            "TILEMATRIX": str(z),
            "TILEROW": str(y),
            "TILECOL": str(x),
            "tk": self._settings.tianditu_key or "",
        }
        url = f"{self._settings.tianditu_url}/{layer}_w/wmts"
        try:
            async with self._client.stream("GET", url, params=params) as response:
                media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                content = await _read(response) if response.status_code == 200 and media_type in _IMAGES else b""
        except httpx.HTTPError as error:  # its text may hold the URL, and the URL the key
            raise Unavailable(f"天地图 cannot be reached: {type(error).__name__}") from None
        if not content:
            received = re.sub(r"[^\w/+.-]", "", media_type)[:40] or "nothing"
            raise Unavailable(
                f"天地图 answered {response.status_code} with {received} and no picture; is the key right?"
            )
        return self._keep(key, BasemapTile(content, media_type, time.monotonic() + _KEPT_S))

    def _keep(self, key: _Key, tile: BasemapTile) -> BasemapTile:
        before = self._kept.pop(key, None)
        self._bytes += len(tile.content) - (len(before.content) if before else 0)
        self._kept[key] = tile
        while self._bytes > self._settings.cache_mib * MIB:
            self._bytes -= len(self._kept.popitem(last=False)[1].content)
        return tile


def raster_sources(service: Tianditu, layer: str, base: str) -> dict[str, dict[str, Any]]:
    """Return the sources of a style for a layer and its names, in drawing order, below all other sources.

    Raises
    ------
    NotFound
        When the base map is off.
    """
    if not service.is_on:
        raise NotFound(_HOW, parameter="basemap")
    names = {"vec": "cva", "img": "cia"}[layer]
    return {
        f"tianditu-{one}": {
            "type": "raster",
            "tiles": [f"{base}/basemaps/tianditu/{one}/{{z}}/{{x}}/{{y}}"],
            "tileSize": 256,
            "minzoom": ZOOMS[0],
            "maxzoom": ZOOMS[-1],
            "attribution": service.attribution,
        }
        for one in (layer, names)
    }


async def _read(response: httpx.Response) -> bytes:
    """Return the body; empty when it is larger than any tile."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _IMAGE_BYTES_MAX:
            return b""
    return bytes(body)


def _check(layer: str, z: int, x: int, y: int, *, is_on: bool) -> None:
    if not is_on:
        raise NotFound(_HOW, parameter="tianditu")
    if layer not in LAYERS:
        raise NotFound(f"天地图 has no layer '{layer[:40]}' here; layers: {', '.join(LAYERS)}", parameter="layer")
    if z not in ZOOMS:
        raise NotFound(f"zoom {z} does not exist; zooms of 天地图 go from {ZOOMS[0]} to {ZOOMS[-1]}", parameter="z")
    for part, number in (("x", x), ("y", y)):
        if not 0 <= number < 1 << z:
            raise NotFound(
                f"there is no tile with {part}={number}; {part} goes from 0 to {(1 << z) - 1}", parameter=part
            )
