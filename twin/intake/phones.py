"""What people send from their phones: reports of events, and positions on patrol, as messages of one feed.

A report has an id that the phone made. Its event has that id, too: sent twice it counts once, also after years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from layers.catalog import Catalog
from layers.definition import Code
from layers.errors import BadInput
from twin.envelope.message import Message, Reading
from twin.envelope.read import read_structured
from twin.store.features.check import district_of
from twin.store.place_check import check_places

FEED = "grid_phones"
_SOURCE = f"/feeds/{FEED}"
_EVENT_PREFIX = "report-"
_WORKERS = "grid_workers"
_CLASSES, _CLASS_DIGITS = "event_class", 4


@dataclass(frozen=True, slots=True)
class FieldReport:
    """What somebody saw.

    Attributes
    ----------
    id
        Of the phone: a UUID in lower case.
    lonlat
        CRS84 degrees.
    event_class
        A code of the list `event_class`, of four digits.
    words
        In the reporter's own words; empty when there are none.
    photos
        References of pictures; the pictures themselves stay where they are.
    seen_at
        With a time zone.
    reporter
        Number of the worker, or the subject of anybody else.
    place_name
        What the place is called, for the title; None where nothing is known.
    """

    id: str
    lonlat: tuple[float, float]
    event_class: str
    words: str
    photos: tuple[str, ...]
    severity: str
    seen_at: datetime
    reporter: str
    accuracy_m: float | None = None
    place_name: str | None = None

    @property
    def event_id(self) -> str:
        """The id of the event that the report makes."""
        return _EVENT_PREFIX + self.id


@dataclass(frozen=True, slots=True)
class PatrolPosition:
    """Where a worker was; `lonlat` in CRS84 degrees."""

    lonlat: tuple[float, float]
    at: datetime
    accuracy_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None


def report_classes(catalog: Catalog) -> list[Code]:
    """Return the classes of which somebody may report an event, those of the finest level."""
    return [code for code in catalog.code_lists[_CLASSES].codes if len(code.code) == _CLASS_DIGITS]


def report_message(report: FieldReport, catalog: Catalog, now: datetime) -> Message:
    """Return the event of a report.

    Raises
    ------
    BadInput
        When its class is not in the list, or it cannot be where it says.
    """
    titles = {code.code: code.label_zh for code in report_classes(catalog)}
    if report.event_class not in titles:
        known = ", ".join(f"{code} {title}" for code, title in sorted(titles.items()))
        raise BadInput(f"there is no event class '{report.event_class[:20]}'; known are {known}", parameter="class")
    title = titles[report.event_class]
    data = {
        "source": "grid_case",
        "title": f"{title}（{report.place_name}）" if report.place_name else title,
        "description": report.words or None,
        "lon": report.lonlat[0],
        "lat": report.lonlat[1],
        "location_method": "gps",
        "location_accuracy_m": report.accuracy_m,
        "event_class": report.event_class,
        "matter_code": report.event_class,
        "severity": report.severity,
        "stage": "collect",
        "occurred_at": report.seen_at.isoformat(),
        "reported_at": now.isoformat(),
        "reporter_id": report.reporter,
        "snapshot_refs": list(report.photos) or None,
    }
    envelope = _envelope(report.id, "event.reported", f"events/{report.event_id}", report.seen_at, data)
    message = read_structured(envelope, now=now)
    checked = Reading([message])
    check_places(checked, district_of(catalog))
    fault = checked.messages[0].data.get("place_fault")
    if fault:
        raise BadInput(f"{message.lon:.7g}, {message.lat:.7g} (CRS84) cannot be where it is: {fault}", parameter="lon")
    return message


def patrol_messages(worker: str, positions: Sequence[PatrolPosition], now: datetime) -> list[Message]:
    """Return the positions of a worker on patrol.

    Raises
    ------
    Refused
        When a number cannot be.
    """
    return [read_structured(_position(worker, one), now=now) for one in positions]


def _position(worker: str, one: PatrolPosition) -> dict[str, Any]:
    data = {
        "lon": one.lonlat[0],
        "lat": one.lonlat[1],
        "accuracy_m": one.accuracy_m,
        "speed_kmh": one.speed_kmh,
        "heading_deg": one.heading_deg,
    }
    return _envelope(f"{worker}@{one.at.isoformat()}", "position.patrol", f"{_WORKERS}/{worker}", one.at, data)


def _envelope(identifier: str, kind: str, subject: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identifier,
        "source": _SOURCE,
        "type": f"cn.gov.district.{kind}",
        "subject": subject,
        "time": at.isoformat(),
        "data": {name: value for name, value in data.items() if value is not None},
    }
