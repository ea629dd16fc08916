"""GeoJSON (RFC 7946), the default representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from layers.coordinates.crs import Crs
from layers.read.query import ItemsQuery
from server.formats.written import PageHead, TextFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoJsonFormat(TextFormat):
    """A FeatureCollection with counts and links, or a Feature with links; dialects add members."""

    def page_members(self, query: ItemsQuery) -> dict[str, object]:  # noqa: ARG002  # for dialects
        """Return the members that a dialect adds to a page."""
        return {}

    def feature_members(self, crs: Crs) -> dict[str, object]:  # noqa: ARG002  # for dialects
        """Return the members that a dialect adds to a single feature."""
        return {}

    def page(self, features: bytes, head: PageHead) -> bytes:
        """Return a FeatureCollection."""
        matched = head.matched
        members: dict[str, object] = {"type": "FeatureCollection", **self.page_members(head.query)}
        members |= {"datum": head.query.crs.datum} if head.query.crs.datum else {}
        members |= {"numberMatched": matched.rows} if matched.exact else {"numberMatchedAtLeast": matched.rows}
        members |= {"watermark": head.watermark} if head.watermark else {}
        members |= {"numberReturned": head.returned, "timeStamp": _now(), "links": head.links()}
        return b"".join((orjson.dumps(members)[:-1], b',"features":[', features, b"]}"))

    def feature(self, feature: bytes, links: Sequence[Mapping[str, str]], crs: Crs) -> bytes:
        """Return the feature with its links."""
        members = {**self.feature_members(crs), "links": links}
        return b"".join((feature[:-1], b",", orjson.dumps(members)[1:]))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


GEOJSON = GeoJsonFormat(
    f="json",
    type="application/geo+json",
    title="GeoJSON",
    aliases=("geojson",),
    accepted=("application/json", "application/*", "*/*"),
)
