"""Warnings: CAP 1.2 and its national profile GB/T 35965.1, as versions of one event.

The first message of a chain is the event; an Update or a Cancel refers to it and becomes a later version of it. The
last version is therefore the warning, and a cancelled warning is closed. Many senders refer to the last message of the
chain only: `twin/store/events/warnings.py`, which has all messages, finds its chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twin.envelope.message import MessageMode
from twin.envelope.refused import Reason, Refused, shown
from twin.feeds.cap_areas import WarningAreas, read_areas
from twin.feeds.times import local_moment
from twin.feeds.xml import Element, read_xml

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
NATIONAL_IDENTIFIER = re.compile(r"[0-9]{6}[0-9]{3}.{3}.{2}_[0-9]{14}_[0-9]")
CHAIN_MAX = 200
VERSION_MAX = 2**31 - 1
SEVERITY = {  # words of the national profile and of OASIS; the event keeps the sender's word too
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
_MODES: dict[str, MessageMode] = {"Actual": "actual", "Exercise": "exercise", "Test": "test"}
_TYPES = ("Alert", "Update", "Cancel")
_COLOURS = ("white", "blue", "yellow", "orange", "red")  # the worst last
INFOS_MAX = 50
_VERSIONS_FROM = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reference:
    """A message that another one refers to."""

    sender: str
    identifier: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """A CAP message, with its infos combined.

    Attributes
    ----------
    info
        The most severe info, of the Chinese ones if there are any; the others are in `others`.
    severity, severity_word
        The highest colour of all infos, None for Unknown and unknown words; and the sender's word for it.
    effective, onset, expires
        The earliest `effective` and `onset` of all infos, and the latest `expires`.
    areas
        Of all infos.
    scope
        For whom it is: Public, Restricted, Private; None when the sender does not say.
    """

    identifier: str
    sender: str
    sent: datetime
    mode: MessageMode
    message_type: str
    scope: str | None
    references: tuple[Reference, ...]
    info: dict[str, str]
    others: tuple[dict[str, str], ...]
    severity: str | None
    severity_word: str | None
    effective: datetime | None
    onset: datetime | None
    expires: datetime | None
    areas: WarningAreas

    @property
    def chain(self) -> str:
        """Identifier of the oldest message this one refers to: the first of the chain, if all are named."""
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
    status, message_type = _required(root, "status"), _required(root, "msgType")
    if status not in _MODES:
        raise Refused(Reason.UNKNOWN_CODE, f"status is {shown(status)}; taken are {', '.join(_MODES)}")
    if message_type not in _TYPES:
        raise Refused(Reason.UNKNOWN_CODE, f"msgType is {shown(message_type)}; taken are {', '.join(_TYPES)}")
    references = _references(root.first("references"))
    if message_type != "Alert" and not references:
        raise Refused(Reason.MISSING, f"a message of type {message_type} names no references", parameter="references")
    infos = root.all("info")
    if not infos and message_type != "Cancel":
        raise Refused(Reason.MISSING, "the alert has no info", parameter="info")
    return _alert(root, _MODES[status], message_type, references, infos or [Element(root.namespace, "info")])


def envelope(alert: Alert, source: str) -> dict[str, Any]:
    """Make the canonical envelope of a warning.

    The id is the identifier. The version grows with the time of sending, so that an Update is later than the message it
    updates in any order of arrival, also within one second. The subject is ``events/warning-`` and the chain.
    """
    version = 2 * int((alert.sent - _VERSIONS_FROM).total_seconds()) + (alert.message_type != "Alert")
    info = alert.info
    cancelled = alert.message_type == "Cancel"
    place = alert.areas.place()
    data = {
        "source": "weather_warning" if info.get("category", "Met") == "Met" else "emergency_report",
        "title": (info.get("headline") or info.get("event") or "")[:200] or None,
        "description": (info.get("description") or "")[:4000] or None,
        "address": alert.areas.text[:200] or None,
        "severity": alert.severity,
        "stage": "closed" if cancelled else "dispatch",
        "occurred_at": alert.onset or alert.effective or (None if cancelled else alert.sent),
        "reported_at": alert.sent,
        "due_at": alert.expires,
        "closed_at": alert.sent if cancelled else None,
        "location_method": "area" if place.keys() - {"place_fault"} else None,
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


def _alert(
    root: Element, mode: MessageMode, kind: str, references: tuple[Reference, ...], infos: list[Element]
) -> Alert:
    """Combine the infos: translations of one another, or other places and times (`docs/decisions`)."""
    identifier = _required(root, "identifier")
    if len(identifier) > 150:
        raise Refused(Reason.TOO_LONG, f"identifier is {shown(identifier)}; at most 150 characters")
    if len(infos) > INFOS_MAX:
        raise Refused(Reason.TOO_MANY, f"{len(infos)} infos; at most {INFOS_MAX}")
    preferred = _chinese(infos) or infos
    main, worst = max(preferred, key=_rank), max(infos, key=_rank)
    word = worst.first("severity")
    return Alert(
        identifier=identifier,
        sender=_required(root, "sender"),
        sent=local_moment(_required(root, "sent"), "sent"),
        mode=mode,
        message_type=kind,
        scope=root.first("scope"),
        references=references,
        info=_texts(main),
        others=tuple(_texts(info) for info in infos if info is not main),
        severity=_colour(worst),
        severity_word=word,
        effective=min(_times(infos, "effective"), default=None),
        onset=min(_times(infos, "onset"), default=None),
        expires=max(_times(infos, "expires"), default=None),
        areas=read_areas(_areas_of(preferred), _areas_of(infos)),
    )


def _areas_of(infos: list[Element]) -> list[Element]:
    return [area for info in infos for area in info.all("area")]


def _chinese(infos: list[Element]) -> list[Element]:
    return [info for info in infos if (info.first("language") or "").lower().startswith("zh")]


def _colour(info: Element) -> str | None:
    return SEVERITY.get((info.first("severity") or "").lower())


def _rank(info: Element) -> int:
    """Return the order by severity; among equals `max` takes the first."""
    colour = _colour(info)
    return -1 if colour is None else _COLOURS.index(colour)


def _texts(info: Element) -> dict[str, str]:
    return {c.name: c.text.strip() for c in info.children if not c.children and c.text.strip()}


def _required(element: Element, name: str) -> str:
    found = element.first(name)
    if found is None:
        raise Refused(Reason.MISSING, f"the {element.name} has no {name}", parameter=name)
    return found


def _times(infos: list[Element], name: str) -> list[datetime]:
    return [local_moment(found, name) for info in infos if (found := info.first(name)) is not None]


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


def _original(alert: Alert) -> dict[str, Any]:
    """Return the sender's own words, without those that have a field of their own."""
    own = {name: text[:4000] for name, text in alert.info.items() if name not in {"description", "headline"}}
    return {
        "identifier": alert.identifier,
        "sender": alert.sender[:200],
        "sent": alert.sent.isoformat(),
        "status": alert.mode.capitalize(),
        "scope": alert.scope,
        "msgType": alert.message_type,
        "severity": alert.severity_word,
        "is_national_identifier": NATIONAL_IDENTIFIER.fullmatch(alert.identifier) is not None,
        "references": [{"identifier": r.identifier, "sent": r.sent.isoformat()} for r in alert.references],
        "info": dict(list(own.items())[:60]),
        **({"infos": [_shorten(one) for one in alert.others]} if alert.others else {}),
        **({"bad_shapes": list(alert.areas.faults)} if alert.areas.faults else {}),
    }


def _shorten(info: dict[str, str]) -> dict[str, str]:
    return {name: text[:1000] for name, text in list(info.items())[:60]}
