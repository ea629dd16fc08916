"""What the addresses of history have in common: their parameters, the layer they name, and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from layers.errors import BadInput
from layers.moment import read_moment
from server.formats.arrow_stream import ARROW
from server.formats.columnar import ColumnFormat
from server.formats.geoparquet import GEOPARQUET
from server.formats.vector_file import FLATGEOBUF, GEOPACKAGE
from server.formats.workbook import XLSX
from twin.history.span import HistorySpan

CSV = "text/csv; charset=utf-8"
COLUMN_FORMS: Mapping[str, ColumnFormat] = {
    media.f: media for media in (GEOPARQUET, ARROW, XLSX, FLATGEOBUF, GEOPACKAGE)
}
"""Files of columns by their value of `f`; text forms of history are written by its routes."""


class SpanParams(BaseModel):
    """The query parameters that name a span and what counts in it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: str | None = Field(
        None,
        alias="from",
        max_length=60,
        description="起（含） from this time on",
        examples=["2026-06-08T00:00:00+08:00"],
    )
    end: str | None = Field(
        None,
        alias="to",
        max_length=60,
        description="止（不含） before this time",
        examples=["2026-06-09T00:00:00+08:00"],
    )
    at: str | None = Field(None, max_length=60, description="时刻，须带时区 as of this moment; now by default")
    basis: str | None = Field(
        None, max_length=40, description="known 当时所知 as known then (default); phenomenon 当时实情 as it was"
    )

    def span(self, *, usual: timedelta, most: timedelta) -> HistorySpan:
        """Return the span.

        Raises
        ------
        BadInput, TooMuch
            As `HistorySpan.read`.
        """
        moment = read_moment(self.at, self.basis)
        return HistorySpan.read(self.start, self.end, usual=usual, most=most, moment=moment)


def choose_form(given: str, allowed: Sequence[str]) -> str:
    """Return the value of `f`.

    Raises
    ------
    BadInput
        When it is not allowed here.
    """
    if given not in allowed:
        raise BadInput(f"f is '{given[:20]}'; allowed are {', '.join(allowed)}", parameter="f")
    return given


def has_places(media: ColumnFormat) -> bool:
    """Whether a file holds points beside longitude and latitude; a workbook is for people."""
    return media is not XLSX


def feature_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a GeoJSON feature, with a point of its `lon` and `lat`; without them it has no place."""
    lon, lat = row.get("lon"), row.get("lat")
    place = None if lon is None or lat is None else {"type": "Point", "coordinates": [lon, lat]}
    properties = {name: value for name, value in row.items() if name not in {"lon", "lat"}}
    return {"type": "Feature", "geometry": place, "properties": properties}


def feature_record(feature: Mapping[str, Any]) -> bytes:
    """Return a feature as a record of a GeoJSON text sequence (RFC 8142)."""
    return b"\x1e" + orjson.dumps(feature, default=str) + b"\n"
