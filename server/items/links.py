"""The links of pages and single features; those of a page are kept as bytes for the next page like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from layers.read.query import ItemsQuery
from server.items.call import ItemsCall
from server.settings import LimitSettings

_HOSTS_MAX = 4  # a client may send any Host header, any number of times


def item_links(call: ItemsCall) -> list[dict[str, str]]:
    """Return the links of a single feature."""
    path = f"/items/{quote(call.feature_id or '', safe='')}"
    return [
        *call.representations(path),
        *described_by(call.collection_url, nulls=True),
        {"href": call.collection_url, "rel": "collection", "type": "application/json", "title": "Collection"},
        {
            "href": f"{call.base}/twin/features/{call.layer.id}/{quote(call.feature_id or '', safe='')}/related",
            "rel": "related",
            "type": "application/json",
            "title": "Relations",
        },
        *(_of_motion(call, path) if call.layer.definition.motion is not None else ()),
    ]


def _of_motion(call: ItemsCall, path: str) -> list[dict[str, str]]:
    """Return the links to the history of a moving feature, as OGC API - Moving Features tells it."""
    told = {"tgsequence": "Movement (MF-JSON)", "tproperties": "Properties over time (MF-JSON)"}
    return [
        {"href": f"{call.collection_url}{path}/{name}", "rel": "related", "type": "application/json", "title": title}
        for name, title in told.items()
    ]


def steps(call: ItemsCall, query: ItemsQuery, cursor: str | None) -> list[dict[str, str]]:
    """Return the links to the next and the previous page; the next one carries the keys of the last row."""
    media = {"type": call.media.type}
    links = []
    if cursor is not None:
        links.append({"href": call.url("/items", cursor=cursor, offset=None), "rel": "next", "title": "Next", **media})
    if query.offset > 0:
        before = str(max(0, query.offset - query.limit))
        links.append({"href": call.url("/items", offset=before), "rel": "prev", "title": "Previous", **media})
    return links


def page_links(call: ItemsCall, query: ItemsQuery, cursor: str | None) -> list[dict[str, str]]:
    """Return the links of a page."""
    links = [
        *call.representations("/items"),
        *steps(call, query, cursor),
        *described_by(call.collection_url, nulls=True),
    ]
    links.append({"href": call.collection_url, "rel": "collection", "type": "application/json", "title": "Collection"})
    return links


def described_by(collection_url: str, *, nulls: bool) -> list[dict[str, str]]:
    """Return the links to the schema of a feature; GDAL reads the second spelling up to 3.7, the first since."""
    query = "?nulls=true" if nulls else ""
    schema = {"href": f"{collection_url}/schema/feature{query}", "type": "application/schema+json", "title": "Schema"}
    return [{"rel": rel, **schema} for rel in ("describedby", "describedBy")]


@dataclass(frozen=True, slots=True)
class Paging:
    """The place of a page among the others, for clients that read only the headers.

    Attributes
    ----------
    matched
        Number of matching features; `None` where they are too many to be counted.
    """

    matched: int | None
    returned: int
    steps: list[dict[str, str]]

    def headers(self, given: Mapping[str, str], limits: LimitSettings) -> dict[str, str]:
        """Return the headers; one of them states a limit that was applied instead of the requested one."""
        headers = {"OGC-NumberReturned": str(self.returned)}
        if self.matched is not None:
            headers["OGC-NumberMatched"] = str(self.matched)
        if self.steps:
            headers["Link"] = ", ".join(f'<{link["href"]}>; rel="{link["rel"]}"' for link in self.steps)
        if int(given.get("limit", "1")) > limits.page_max:
            headers["X-OneMap-Limit-Applied"] = str(limits.page_max)
        return headers


class KeptLinks:
    """The links of all pages with the same parameters; only the cursor differs between requests with the same text."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bool], tuple[bytes, bytes]] = {}

    def json(self, call: ItemsCall, query: ItemsQuery, cursor: str | None) -> orjson.Fragment:
        """Return the links of `page_links` as JSON.

        Parameters
        ----------
        cursor
            A cursor of `write_cursor`, which holds nothing that an address or JSON would escape.
        """
        key = (call.base, cursor is not None)
        if key not in self._kept:
            if len(self._kept) >= _HOSTS_MAX:
                self._kept.clear()
            # No parameter holds a NUL, so the mark is unique.
            before, _, after = orjson.dumps(page_links(call, query, cursor and "\0")).partition(b"%00")
            self._kept[key] = (before, after)
        before, after = self._kept[key]
        return orjson.Fragment(before if cursor is None else b"".join((before, cursor.encode(), after)))
