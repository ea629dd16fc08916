"""A live map in a notebook, without any other network: the browser asks the kernel, and the kernel asks the server.

The page of a notebook has another origin than the server, and must not hold the token; so whatever the map needs
(styles, tiles, pictograms) comes through the kernel, and MapLibre itself comes out of the wheel.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from twin.client.errors import TwinError
from twin.client.live import Change
from twin.client.transport import Transport

SCHEME = "onemap://"
_MODULES = files("server") / "web" / "node_modules" / "maplibre-gl" / "dist"
_FETCHES = 4


class TwinMap(anywidget.AnyWidget):
    """The server's map, with features of yours on it.

    Parameters
    ----------
    transport
        The connection to the server.
    style
        A style of the server: ``light``, ``dark`` or ``print``.
    features
        GeoJSON features drawn above the map.
    bounds
        West, south, east, north of the first view; None shows the whole district.
    height_px
        Height of the map on the page.

    Raises
    ------
    TwinError
        When the server refuses its style, or is away.
    """

    _esm = files("twin.client") / "widget.js"
    _css = ""

    library = traitlets.Bytes().tag(sync=True)
    worker = traitlets.Bytes().tag(sync=True)
    look = traitlets.Unicode().tag(sync=True)
    style_json = traitlets.Unicode().tag(sync=True)
    features = traitlets.Dict().tag(sync=True)
    bounds: traitlets.List[Any] = traitlets.List(allow_none=True, default_value=None).tag(sync=True)
    height_px = traitlets.Int(480).tag(sync=True)
    clicked = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        transport: Transport,
        *,
        style: str = "light",
        features: Sequence[Mapping[str, Any]] = (),
        bounds: Sequence[float] | None = None,
        height_px: int = 480,
    ) -> None:
        document = transport.json(f"/styles/{style}.json")
        document.pop("font-faces", None)  # a browser loads fonts by itself; it uses those of the computer
        super().__init__(
            library=(_MODULES / "maplibre-gl.mjs").read_bytes(),
            worker=(_MODULES / "maplibre-gl-worker.mjs").read_bytes(),
            look=(_MODULES / "maplibre-gl.css").read_text(encoding="utf-8"),
            style_json=json.dumps(document).replace(f"{transport.url}/", SCHEME),
            features={"type": "FeatureCollection", "features": list(features)},
            bounds=None if bounds is None else list(bounds),
            height_px=height_px,
        )
        self._transport = transport
        self._pool = ThreadPoolExecutor(_FETCHES, thread_name_prefix="onemap-map")
        self._stopped = threading.Event()
        self.on_msg(self._answer)

    def _answer(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        """Fetch what the map asks for, from this server alone: the request carries the token."""
        if content.get("kind") == "fetch":
            self._pool.submit(self._fetch, content["number"], str(content["path"]))

    def _fetch(self, number: int, path: str) -> None:
        try:
            response = self._transport.get("/" + path.removeprefix(SCHEME).lstrip("/"))
        except TwinError as error:
            self.send({"kind": "failed", "number": number, "detail": error.detail})
            return
        body = response.content
        if "json" in response.headers.get("Content-Type", ""):
            body = body.replace(f"{self._transport.url}/".encode(), SCHEME.encode())
        self.send({"kind": "fetched", "number": number}, [body])

    def update(self, changed: Sequence[Mapping[str, Any]], removed: Sequence[str] = ()) -> None:
        """Draw features anew by their ids, and take others off."""
        self.send({"kind": "changed", "features": json.loads(json.dumps(list(changed))), "removed": list(removed)})

    def follow(self, changes: AsyncIterator[Change]) -> None:
        """Move and take off what is drawn as changes tell, beside the notebook, until the map is closed."""
        threading.Thread(target=asyncio.run, args=(self._follow(changes),), daemon=True, name="onemap-live").start()

    async def _follow(self, changes: AsyncIterator[Change]) -> None:
        drawn = {feature["id"]: feature for feature in self.features["features"]}
        async for change in changes:
            if self._stopped.is_set():
                return
            moved = moved_feature(drawn.get(change["id"]), change)
            if moved is not None:
                drawn[change["id"]] = moved
                self.update([moved])
            elif change.get("operation") == "delete" and drawn.pop(change["id"], None):
                self.update([], [change["id"]])

    def close(self) -> None:
        """End the map, and what follows changes for it."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()


def moved_feature(drawn: Mapping[str, Any] | None, change: Change) -> dict[str, Any] | None:
    """Return a feature where a change tells it is, with what the change tells of it; None when it tells no place.

    Parameters
    ----------
    drawn
        The feature as it is drawn; None when it is not drawn yet.
    change
        A change of the stream; its `lon` and `lat` are degrees.
    """
    lon, lat = change.get("lon"), change.get("lat")
    if change.get("operation") == "delete" or lon is None or lat is None:
        return None
    told = {name: value for name, value in change.items() if not isinstance(value, (dict, list))}
    return {
        "type": "Feature",
        "id": change["id"],
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {**(drawn["properties"] if drawn else {}), **told},
    }
