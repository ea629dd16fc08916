"""GeoJSON, one feature a line, without an envelope: for streams and for `grep`."""

from __future__ import annotations

from dataclasses import dataclass

from server.formats.written import PageHead, TextFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoJsonLinesFormat(TextFormat):
    """Features alone; counts and paging stand in the headers."""

    def page(self, features: bytes, head: PageHead) -> bytes:  # noqa: ARG002  # there is no envelope
        """Return the lines, each with its end; nothing when there is no feature."""
        return features + (b"\n" if features else b"")


GEOJSONL = GeoJsonLinesFormat(
    f="geojsonl",
    type="application/x-ndjson",
    title="GeoJSON, one feature a line",
    single=False,
    separator="\n",
)
