"""The links of pages and of single features, and those of a page as bytes that are kept for the next one like it."""

from __future__ import annotations

from urllib.parse import quote

import orjson

from layers.query import ItemsQuery
from server.items.call import Call

_HOSTS_MAX = 4  # a stranger may name any host, in as many requests as he likes


def item_links(call: Call) -> list[dict[str, str]]:
    """Return the links of a single feature."""
    return [
        *call.representations(f"/items/{quote(call.feature_id or '', safe='')}"),
        {"href": call.collection_url, "rel": "collection", "type": "application/json", "title": "Collection"},
    ]


def page_links(call: Call, query: ItemsQuery, cursor: str | None) -> list[dict[str, str]]:
    """Return the links of a page; the next one carries the keys of its last row."""
    links = call.representations("/items")
    media = {"type": call.media.type}
    if cursor is not None:
        links.append({"href": call.url("/items", cursor=cursor, offset=None), "rel": "next", "title": "Next", **media})
    if query.offset > 0:
        before = str(max(0, query.offset - query.limit))
        links.append({"href": call.url("/items", offset=before), "rel": "prev", "title": "Previous", **media})
    links.append({"href": call.collection_url, "rel": "collection", "type": "application/json", "title": "Collection"})
    return links


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
