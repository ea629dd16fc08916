"""GeoJSON text sequences (RFC 8142): one feature a record, which begins with a byte that no JSON holds."""

from __future__ import annotations

from dataclasses import dataclass

from server.formats.written import PageHead, TextFormat

_RECORD = "\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoJsonSeqFormat(TextFormat):
    """Features alone; counts and paging stand in the headers."""

    def page(self, features: bytes, head: PageHead) -> bytes:  # noqa: ARG002  # there is no envelope
        """Return the records; nothing when there is no feature."""
        return _RECORD.encode() + features + b"\n" if features else b""


GEOJSONSEQ = GeoJsonSeqFormat(
    f="geojsonseq",
    type="application/geo+json-seq",
    title="GeoJSON text sequence",
    single=False,
    separator=f"\n{_RECORD}",
)
