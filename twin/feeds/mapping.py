"""Mappings: rules of a feed's file that make canonical envelopes of its records."""

from __future__ import annotations

from collections.abc import Mapping as TextMapping
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layers.coordinates.degrees import LAT_MAX, LON_MAX, settled_one
from twin.envelope.kinds import EVENT_FIELDS, OBSERVATION_FIELDS, POSITION_FIELDS, are_swapped, unplaced
from twin.envelope.message import MessageKind
from twin.envelope.refused import Reason, Refused, shown
from twin.envelope.values import IDENTIFIER
from twin.feeds.rule import PATH, As, FieldRule, Scalar, look, steps

type CrsSource = Literal["CGCS2000", "WGS84", "GCJ02", "BD09"]

_CRS_SOURCES = frozenset(get_args(CrsSource.__value__))

_FIELDS: dict[MessageKind, frozenset[str]] = {
    "event": frozenset(EVENT_FIELDS),
    "observation": frozenset(OBSERVATION_FIELDS),
    "position": frozenset(POSITION_FIELDS),
}
_NEEDED: dict[MessageKind, frozenset[str]] = {
    "event": frozenset({"source"}),
    "observation": frozenset({"property"}),
    "position": frozenset({"lon", "lat"}),
}
_NUMBERS = ("_m", "_kmh", "_deg", "_km", "_min")
_NAMED_AS: dict[str, As] = {
    **dict.fromkeys(("lon", "lat", "value", "confidence", "hdop"), "number"),
    **dict.fromkeys(("alarm_flags", "status_flags", "version"), "integer"),
    **dict.fromkeys(("fix_valid", "is_late_report"), "boolean"),
    **dict.fromkeys(("assist_orgs", "area_codes", "related_ids", "device_ids", "snapshot_refs"), "list"),
    **dict.fromkeys(("extra", "cap", "area"), "json"),
    **dict.fromkeys(("time", "senttime", "result_time"), "time"),
}


class RecordCondition(BaseModel):
    """The condition of a mapping: the record has a value at the path, or one of some values."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    path: str = Field(pattern=PATH)
    is_in: tuple[Scalar, ...] | None = Field(default=None, alias="in")

    def holds(self, record: Any, beside: dict[str, Any]) -> bool:
        """Return whether the record meets the condition."""
        found = look(record, beside, steps(self.path))
        if self.is_in is None:
            return found is not None
        return any(type(found) is type(one) and found == one for one in self.is_in)


class Mapping(BaseModel):
    """The rules that make one message of a record.

    Attributes
    ----------
    verb
        Last part of the CloudEvents type: ``cn.gov.district.{kind}.{verb}``.
    id, version, subject, time, sent_time, mode
        Rules of the envelope's attributes.
    crs
        Rule of the datum of each record; without it the feed's `crs_source` applies.
    data
        Rules by field of the kind. In a feature change every name but `change`, `lon` and `lat` is a property; without
        a rule for `change` it is a patch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MessageKind
    when: RecordCondition | None = None
    verb: str = Field(default="updated", pattern=r"^[a-z][a-z0-9_-]{0,40}(\.[a-z][a-z0-9_-]{0,40})?$")
    id: FieldRule
    version: FieldRule | None = None
    subject: FieldRule | None = None
    time: FieldRule
    sent_time: FieldRule | None = None
    mode: FieldRule | None = None
    crs: FieldRule | None = None
    data: dict[str, FieldRule]

    @model_validator(mode="after")
    def _fields_are_known(self) -> Self:
        known = _FIELDS.get(self.kind)
        if known is not None:
            unknown = sorted(set(self.data) - known)
            if unknown:
                raise ValueError(f"{unknown} are no fields of a {self.kind}; known: {sorted(known)}")
        elif bad := [name for name in self.data if not IDENTIFIER.fullmatch(name)]:
            raise ValueError(f"{bad} are no names of properties")
        missing = _NEEDED.get(self.kind, frozenset()) - set(self.data)
        if missing:
            raise ValueError(f"a {self.kind} needs rules for {sorted(missing)}")
        if self.subject is None and self.kind != "event":
            raise ValueError(f"a {self.kind} needs a subject, for example {{template: 'vehicles/{{plate}}'}}")
        return self

    def envelope(self, record: Any, beside: dict[str, Any], source: str) -> dict[str, Any]:
        """Return the envelope, unchecked.

        Raises
        ------
        Refused
            When a value cannot be converted.
        """
        attributes = {
            "id": self.id,
            "version": self.version,
            "subject": self.subject,
            "time": self.time,
            "senttime": self.sent_time,
            "mode": self.mode,
        }
        return {
            "specversion": "1.0",
            "source": source,
            "type": f"cn.gov.district.{self.kind}.{self.verb}",
            **_values(attributes, record, beside, "text"),
            "data": self._data(record, beside),
        }

    def crs_of(self, record: Any, beside: dict[str, Any]) -> str | None:
        """Return the datum of a record; None means the feed's.

        Raises
        ------
        Refused
            When the datum is unknown.
        """
        datum = None if self.crs is None else self.crs.value(record, beside, "crs")
        if datum is None or datum in _CRS_SOURCES:
            return datum
        allowed = ", ".join(sorted(_CRS_SOURCES))
        raise Refused(Reason.UNKNOWN_CODE, f"crs is {shown(datum)}; known are {allowed}", parameter="crs")

    def _data(self, record: Any, beside: dict[str, Any]) -> dict[str, Any]:
        taken = _values(self.data, record, beside, "json" if self.kind == "feature_change" else "text")
        if self.kind == "observation":
            taken.setdefault("value", None)
        if self.kind == "event":
            return _without_bad_place(taken)
        if self.kind != "feature_change":
            return taken
        outside: dict[str, Any] = {name: taken.pop(name) for name in ("change", "lon", "lat") if name in taken}
        outside.setdefault("change", "patch")
        return outside if outside["change"] == "delete" else {**outside, "properties": taken}


def _without_bad_place(data: dict[str, Any]) -> dict[str, Any]:
    """Remove an impossible place from an event, and flag it: the event is taken without a place."""
    lon, lat = data.get("lon"), data.get("lat")
    if type(lon) is not float or type(lat) is not float:
        return data
    if abs(settled_one(lon, LON_MAX)) <= LON_MAX and abs(settled_one(lat, LAT_MAX)) <= LAT_MAX:
        return data
    if type(data.get("extra", {})) is not dict:
        return data  # refused later
    return unplaced(data, "swapped" if are_swapped(lon, lat) else "not_degrees", f"{lon:.9g}, {lat:.9g}")


def _values(
    rules: TextMapping[str, FieldRule | None], record: Any, beside: dict[str, Any], otherwise: As
) -> dict[str, Any]:
    taken = {}
    for name, rule in rules.items():
        if rule is not None:
            value = rule.value(record, beside, name, default_as(name, otherwise))
            if value is not None:
                taken[name] = value
    return taken


def default_as(name: str, otherwise: As = "text") -> As:
    """Return the conversion of a field of this name, for rules that name none."""
    if name.endswith("_at"):
        return "time"
    if name.endswith(_NUMBERS):
        return "number"
    return _NAMED_AS.get(name, otherwise)
