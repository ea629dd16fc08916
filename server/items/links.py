"""The links of pages and of single features, and those of a page as bytes that are kept for the next one like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from layers.read.query import ItemsQuery
from server.items.call import Call
from server.settings import LimitSettings

_HOSTS_MAX = 4  # a stranger may name any host, in as many requests as he likes


def item_links(call: Call) -> list[dict[str, str]]:
    """Return the links of a single feature."""
    return [
        *call.representations(f"/items/{quote(call.feature_id or '', safe='')}"),
        *described_by(call.collection_url, nulls=True),
        {"href": call.collection_url, "rel": "collection", "type": "application/json", "title": "Collection"},
    ]


def steps(call: Call, query: ItemsQuery, cursor: str | None) -> list[dict[str, str]]:
    """Return the links to the pages after and before; the next one carries the keys of the last row."""
    media = {"type": call.media.type}
    links = []
    if cursor is not None:
        links.append({"href": call.url("/items", cursor=cursor, offset=None), "rel": "next", "title": "Next", **media})
    if query.offset > 0:
        before = str(max(0, query.offset - query.limit))
        links.append({"href": call.url("/items", offset=before), "rel": "prev", "title": "Previous", **media})
    return links


def page_links(call: Call, query: ItemsQuery, cursor: str | None) -> list[dict[str, str]]:
    """Return the links of a page."""
    links = [
        *call.representations("/items"),
        *steps(call, query, cursor),
        *described_by(call.collection_url, nulls=True),
    ]
    links.append({"href": call.collection_url, "rel": "collection", "type": "application/json", "title": "Collection"})
    return links


def described_by(collection_url: str, *, nulls: bool) -> list[dict[str, str]]:
    """Return the links to the schema of a feature; GDAL reads the second spelling up to 3.7, the first one since."""
    query = "?nulls=true" if nulls else ""
    schema = {"href": f"{collection_url}/schema/feature{query}", "type": "application/schema+json", "title": "Schema"}
    return [{"rel": rel, **schema} for rel in ("describedby", "describedBy")]


@dataclass(frozen=True, slots=True)
class Paging:
    """How a page stands among the others, for clients that read no more than the headers.

    Attributes
    ----------
    matched
        How many features match; `None` where they are too many to be counted.
    """

    matched: int | None
    returned: int
    steps: list[dict[str, str]]

    def headers(self, given: Mapping[str, str], limits: LimitSettings) -> dict[str, str]:
        """Return the headers; one of them says so when more features were asked for than a page may have."""
        told = {"OGC-NumberReturned": str(self.returned)}
        if self.matched is not None:
            told["OGC-NumberMatched"] = str(self.matched)
        if self.steps:
            told["Link"] = ", ".join(f'<{link["href"]}>; rel="{link["rel"]}"' for link in self.steps)
        if int(given.get("limit", "1")) > limits.page_max:
            told["X-OneMap-Limit-Applied"] = str(limits.page_max)
        return told


class KeptLinks:
    """The links of all pages with the same parameters: of two requests with the same text only the cursor differs."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bool], tuple[bytes, bytes]] = {}

    def json(self, call: Call, query: ItemsQuery, cursor: str | None) -> orjson.Fragment:
        """Return what `page_links` says, as JSON.

        Parameters
        ----------
        cursor
            Holds nothing that an address or JSON would escape, as `write_cursor` makes them.
        """
        key = (call.base, cursor is not None)
        if key not in self._kept:
            if len(self._kept) >= _HOSTS_MAX:
                self._kept.clear()
            # No parameter holds a NUL, so that the mark stands nowhere else.
            before, _, after = orjson.dumps(page_links(call, query, cursor and "\0")).partition(b"%00")
            self._kept[key] = (before, after)
        before, after = self._kept[key]
        return orjson.Fragment(before if cursor is None else b"".join((before, cursor.encode(), after)))
