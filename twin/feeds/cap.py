"""Warnings: CAP 1.2 and its national profile GB/T 35965.1, as versions of one event.

The first message of a chain is the event; an Update or a Cancel refers to it and becomes a later version of it. So
whoever holds the last version holds the warning, and a cancelled warning is closed. Many senders refer to the last
message of the chain only: which chain that one belongs to is known where all messages are (`twin/warnings.py`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twin.envelope_area import POLYGONS_MAX, RING_POSITIONS_MAX
from twin.envelope_message import Mode
from twin.envelope_refused import Reason, Refused, shown
from twin.feeds.times import local_moment
from twin.feeds.xml import Element, read_xml

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
NATIONAL_IDENTIFIER = re.compile(r"[0-9]{6}[0-9]{3}.{3}.{2}_[0-9]{14}_[0-9]")
CHAIN_MAX = 200
VERSION_MAX = 2**31 - 1
SEVERITY = {  # the words of the national profile and of OASIS; the raw word is kept beside
    "red": "red",
    "orange": "orange",
    "yellow": "yellow",
    "blue": "blue",
    "white": "white",
    "extreme": "red",
    "severe": "orange",
    "moderate": "yellow",
    "minor": "blue",
    "红色": "red",
    "橙色": "orange",
    "黄色": "yellow",
    "蓝色": "blue",
    "白色": "white",
}
_MODES: dict[str, Mode] = {"Actual": "actual", "Exercise": "exercise", "Test": "test"}
_TYPES = ("Alert", "Update", "Cancel")
_VERSIONS_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_CIRCLE_CORNERS, _CIRCLE_KM_MAX, _KM_A_DEGREE = 64, 1000, 111.195
_AREA_CODE = re.compile(r"[0-9]{6}(?:[0-9]{3}){0,2}")

type Ring = list[list[float]]


@dataclass(frozen=True, slots=True)
class Reference:
    """One message another refers to."""

    sender: str
    identifier: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """A CAP message, of which the Chinese (else the first) `info` counts.

    Attributes
    ----------
    severity, severity_word
        The colour, None for Unknown and for a word nobody knows; and the word as it came.
    polygons
        Rings of longitude and latitude, closed.
    """

    identifier: str
    sender: str
    sent: datetime
    mode: Mode
    message_type: str
    references: tuple[Reference, ...]
    info: dict[str, str]
    severity: str | None
    severity_word: str | None
    effective: datetime | None
    onset: datetime | None
    expires: datetime | None
    area_text: str | None
    area_codes: tuple[str, ...]
    polygons: tuple[Ring, ...]

    @property
    def chain(self) -> str:
        """The oldest message this one knows of: the first of the chain, if it names them all."""
        if not self.references:
            return self.identifier
        return min(self.references, key=lambda r: (r.sent, r.identifier)).identifier


def read_cap(body: bytes) -> Alert:
    """Read one CAP message.

    Raises
    ------
    Refused
        When it is not XML, not CAP 1.2, a draft, or misses what a warning needs.
    """
    root = read_xml(body)
    if root.name != "alert" or root.namespace not in {NAMESPACE, ""}:
        raise Refused(Reason.WRONG_TYPE, f"<{root.name}> of {shown(root.namespace)} is no alert of CAP 1.2")
    status, message_type = _needed(root, "status"), _needed(root, "msgType")
    if status not in _MODES:
        raise Refused(Reason.UNKNOWN_CODE, f"status is {shown(status)}; taken are {', '.join(_MODES)}")
    if message_type not in _TYPES:
        raise Refused(Reason.UNKNOWN_CODE, f"msgType is {shown(message_type)}; taken are {', '.join(_TYPES)}")
    references = _references(root.first("references"))
    if message_type != "Alert" and not references:
        raise Refused(Reason.MISSING, f"a message of type {message_type} names no references", parameter="references")
    info = _info(root)
    if info is None and message_type != "Cancel":
        raise Refused(Reason.MISSING, "the alert has no info", parameter="info")
    return _alert(root, _MODES[status], message_type, references, info or Element(root.namespace, "info"))


def envelope(alert: Alert, source: str) -> dict[str, Any]:
    """Make the canonical envelope of a warning.

    Its id is the identifier, its version grows with the time it was sent, so that an Update is later than what it
    updates in whatever order they come, in the same second too; the subject is ``events/warning-`` and the chain.
    """
    version = 2 * int((alert.sent - _VERSIONS_FROM).total_seconds()) + (alert.message_type != "Alert")
    info = alert.info
    cancelled = alert.message_type == "Cancel"
    place: dict[str, Any] = {"area": _geojson(alert.polygons)} if alert.polygons else {}
    if alert.area_codes:
        place["area_codes"] = list(alert.area_codes)
    data = {
        "source": "weather_warning" if info.get("category", "Met") == "Met" else "emergency_report",
        "title": (info.get("headline") or info.get("event") or "")[:200] or None,
        "description": (info.get("description") or "")[:4000] or None,
        "address": (alert.area_text or "")[:200] or None,
        "severity": alert.severity,
        "stage": "closed" if cancelled else "dispatch",
        "occurred_at": alert.onset or alert.effective or (None if cancelled else alert.sent),
        "reported_at": alert.sent,
        "due_at": alert.expires,
        "closed_at": alert.sent if cancelled else None,
        "location_method": "area" if place else None,
        "cap": _original(alert),
        **place,
    }
    return {
        "specversion": "1.0",
        "source": source,
        "id": alert.identifier,
        "version": min(max(1, version), VERSION_MAX),
        "type": f"cn.gov.district.event.weather_warning.{alert.message_type.lower()}",
        "subject": f"events/warning-{alert.chain}",
        "time": alert.sent,
        "senttime": alert.sent,
        "mode": alert.mode,
        "data": {name: value for name, value in data.items() if value is not None},
    }


def _alert(root: Element, mode: Mode, kind: str, references: tuple[Reference, ...], info: Element) -> Alert:
    word = info.first("severity")
    areas = info.all("area")
    identifier = _needed(root, "identifier")
    if len(identifier) > 150:
        raise Refused(Reason.TOO_LONG, f"identifier is {shown(identifier)}; at most 150 characters")
    return Alert(
        identifier=identifier,
        sender=_needed(root, "sender"),
        sent=local_moment(_needed(root, "sent"), "sent"),
        mode=mode,
        message_type=kind,
        references=references,
        info={c.name: c.text.strip() for c in info.children if not c.children and c.text.strip()},
        severity=SEVERITY.get(word.lower()) if word else None,
        severity_word=word,
        effective=_time(info, "effective"),
        onset=_time(info, "onset"),
        expires=_time(info, "expires"),
        area_text="；".join(text for a in areas if (text := a.first("areaDesc"))) or None,
        area_codes=_area_codes(areas),
        polygons=_polygons(areas),
    )


def _needed(element: Element, name: str) -> str:
    found = element.first(name)
    if found is None:
        raise Refused(Reason.MISSING, f"the {element.name} has no {name}", parameter=name)
    return found


def _time(info: Element, name: str) -> datetime | None:
    found = info.first(name)
    return None if found is None else local_moment(found, name)


def _info(root: Element) -> Element | None:
    """Choose the Chinese part; a message may say the same in several languages."""
    infos = root.all("info")
    chinese = [i for i in infos if (i.first("language") or "").lower().startswith("zh")]
    return next(iter(chinese or infos), None)


def _references(text: str | None) -> tuple[Reference, ...]:
    found = []
    for one in (text or "").split():
        parts = one.rsplit(",", 2)  # a sender may have commas
        if len(parts) != 3 or not all(parts):
            raise Refused(Reason.BAD_TEXT, f"reference {shown(one)}; needed is sender,identifier,sent")
        found.append(Reference(parts[0], parts[1], local_moment(parts[2], "references")))
    if len(found) > CHAIN_MAX:
        raise Refused(Reason.TOO_MANY, f"{len(found)} references; at most {CHAIN_MAX}")
    return tuple(found)


def _area_codes(areas: list[Element]) -> tuple[str, ...]:
    """Take the geocodes that are area codes of this country, whatever the sender calls them."""
    found = []
    for area in areas:
        for geocode in area.all("geocode"):
            value = geocode.first("value") or ""
            found += [code for code in re.split(r"[,，;；\s]+", value) if _AREA_CODE.fullmatch(code)]
    return tuple(dict.fromkeys(found))[:1000]


def _polygons(areas: list[Element]) -> tuple[Ring, ...]:
    texts = [polygon.text for area in areas for polygon in area.all("polygon") if polygon.text.strip()]
    circles = [circle.text for area in areas for circle in area.all("circle") if circle.text.strip()]
    if len(texts) + len(circles) > POLYGONS_MAX:
        raise Refused(Reason.TOO_MANY, f"{len(texts) + len(circles)} polygons and circles; at most {POLYGONS_MAX}")
    return (*(_ring(text) for text in texts), *(_round(text) for text in circles))


def _round(text: str) -> Ring:
    """Read ``lat,lon radius``, the radius in kilometres, as a polygon of 64 corners around it."""
    try:
        centre, radius = text.split()
        lat, lon = (float(number) for number in centre.split(","))
        radius_km = float(radius)
    except ValueError as error:
        raise Refused(Reason.BAD_TEXT, f"circle {shown(text)}; needed is lat,lon and a radius in km") from error
    if not (0 < radius_km <= _CIRCLE_KM_MAX and abs(lat) <= 85 and abs(lon) <= 180):
        raise Refused(Reason.OUT_OF_RANGE, f"circle {shown(text)}; at most {_CIRCLE_KM_MAX} km, latitudes to 85°")
    north, east = radius_km / _KM_A_DEGREE, radius_km / (_KM_A_DEGREE * math.cos(math.radians(lat)))
    turns = [2 * math.pi * corner / _CIRCLE_CORNERS for corner in range(_CIRCLE_CORNERS)]
    ring = [[round(lon + east * math.cos(t), 7), round(lat + north * math.sin(t), 7)] for t in turns]
    return [*ring, list(ring[0])]


def _ring(text: str) -> Ring:
    """Read ``lat,lon lat,lon …``: CAP has the latitude first; a ring that is open is closed."""
    pairs = text.split()
    if len(pairs) > RING_POSITIONS_MAX - 1:
        raise Refused(Reason.TOO_MANY, f"a polygon of {len(pairs)} points; at most {RING_POSITIONS_MAX - 1}")
    ring = []
    for pair in pairs:
        try:
            lat, lon = (float(number) for number in pair.split(","))
        except ValueError as error:
            raise Refused(Reason.BAD_TEXT, f"{shown(pair)} in a polygon is no lat,lon") from error
        ring.append([lon, lat])
    if ring and ring[0] != ring[-1]:
        ring.append(list(ring[0]))
    if len(ring) < 4:
        raise Refused(Reason.BAD_TEXT, f"a polygon of {len(ring)} points; at least 4, the last as the first")
    return ring


def _geojson(polygons: tuple[Ring, ...]) -> dict[str, Any]:
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": [polygons[0]]}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in polygons]}


def _original(alert: Alert) -> dict[str, Any]:
    """Keep what the sender said, word by word, without what has its own field."""
    own = {name: text[:4000] for name, text in alert.info.items() if name not in {"description", "headline"}}
    return {
        "identifier": alert.identifier,
        "sender": alert.sender[:200],
        "sent": alert.sent.isoformat(),
        "status": alert.mode.capitalize(),
        "msgType": alert.message_type,
        "severity": alert.severity_word,
        "is_national_identifier": NATIONAL_IDENTIFIER.fullmatch(alert.identifier) is not None,
        "references": [{"identifier": r.identifier, "sent": r.sent.isoformat()} for r in alert.references],
        "info": dict(list(own.items())[:60]),
    }
