"""Movements and properties as MF-JSON (OGC 19-045r3), in the documents of OGC API - Moving Features (OGC 22-003r3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import numpy.typing as npt
import orjson

from layers.types import Json
from server.ogc.moving.request import MovingRequest
from server.ogc.visit import Visit
from twin.history.observed import ObservedSeries
from twin.history.primitives import TemporalPrimitive

_SYSTEMS: Json = {
    "crs": {"type": "Name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    "trs": {"type": "Name", "properties": {"name": "urn:ogc:data:time:iso8601"}},
}
_UNECE = {"km/h": "KMH", "m/s": "MTS", "deg": "DD", "m": "MTR", "mm": "MMT", "Cel": "CEL", "%": "P1"}
_UCUM = "http://www.opengis.net/def/uom/UCUM/"
_WRITING = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def written(document: Json) -> bytes:
    """Return a document as JSON; arrays are written without making objects of their numbers."""
    return orjson.dumps(document, option=_WRITING)


def movement_document(visit: Visit, address: str, asked: MovingRequest, movements: Sequence[TemporalPrimitive]) -> Json:
    """Return a page of a sequence of temporal geometries."""
    page = movements[asked.offset : asked.offset + asked.limit]
    head = {"type": "TemporalGeometrySequence", "geometrySequence": [_moving_point(one) for one in page]}
    return head | page_members(visit, address, asked, len(page), len(movements))


def _moving_point(movement: TemporalPrimitive) -> Json:
    begun = datetime.fromtimestamp(float(movement.times_s[0]), UTC)
    return {
        "id": f"{begun:%Y%m%dT%H%M%S.}{begun.microsecond // 1000:03}Z",
        "type": "MovingPoint",
        "datetimes": _moments(movement),
        "coordinates": np.round(movement.values, 7),
        "interpolation": _interpolation(movement),
        **_SYSTEMS,
    }


def property_head(observed: ObservedSeries) -> Json:
    """Return what a property is: its name, its type, its unit, its titles."""
    head = {"name": observed.code, "type": "TText" if observed.is_text else "TReal"}
    unit = {"form": _form(observed.unit)} if observed.unit and not observed.is_text else {}
    return head | unit | {"description": f"{observed.title_zh} {observed.title_en}"}


def property_document(observed: ObservedSeries, values: Sequence[TemporalPrimitive]) -> Json:
    """Return a property with its values."""
    told = [{"datetimes": _moments(one), "values": _plain(one), "interpolation": _interpolation(one)} for one in values]
    return property_head(observed) | {"valueSequence": told}


def parametric_values(observed: ObservedSeries, values: Sequence[TemporalPrimitive]) -> list[Json]:
    """Return the values of a property as MF-JSON's parametric values: one object for each primitive."""
    kind = {"type": "Text" if observed.is_text else "Measure"}
    kind |= {"form": _form(observed.unit)} if observed.unit and not observed.is_text else {}
    return [
        {
            "datetimes": _moments(one),
            observed.code: {**kind, "values": _plain(one), "interpolation": _interpolation(one)},
        }
        for one in values
    ]


def page_members(visit: Visit, address: str, asked: MovingRequest, returned: int, matched: int) -> Json:
    """Return the links, numbers and time of a page; `address` is that of its resource without parameters."""
    links = [_page_link(visit, address, "self", None)]
    if asked.offset + returned < matched:
        links.append(_page_link(visit, address, "next", asked.offset + returned))
    if asked.offset:
        links.append(_page_link(visit, address, "prev", max(0, asked.offset - asked.limit)))
    now = datetime.now(UTC).replace(microsecond=0)
    return {"links": links, "timeStamp": now, "numberMatched": matched, "numberReturned": returned}


def _page_link(visit: Visit, address: str, rel: str, offset: int | None) -> Json:
    given: Mapping[str, Any] = visit.given if offset is None else {**visit.given, "offset": offset}
    query = f"?{urlencode(given)}" if given else ""
    return {"href": f"{address}{query}", "rel": rel, "type": "application/json"}


def _moments(primitive: TemporalPrimitive) -> npt.NDArray[np.datetime64]:
    return (primitive.times_s * 1000).round().astype("datetime64[ms]")


def _interpolation(primitive: TemporalPrimitive) -> str:
    return "Linear" if primitive.is_linear else "Discrete"


def _plain(primitive: TemporalPrimitive) -> list[Any]:
    plain: list[Any] = primitive.values.tolist()
    return plain


def _form(unit: str) -> str:
    """Return a unit as MF-JSON wants it: a common code of UN/ECE where one is known, or an address."""
    return _UNECE.get(unit) or _UCUM + quote(unit, safe="")
