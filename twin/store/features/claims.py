"""What feeds claim of one feature: the newest value of every field, whatever the order of arrival."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import shapely

from layers.schema.tables import SRID
from twin.envelope.message import Message
from twin.store.features.check import shape_of

GEOMETRY = "geom"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def stamp_of(message: Message) -> str:
    """Return the stamp by which claims are ordered: the time, then the version, the source and the id."""
    return f"{message.phenomenon_time.strftime(_TIME)} {message.version:010d} {message.source} {message.id}"


@dataclass(slots=True)
class FieldClaims:
    """The claims of a feature.

    Attributes
    ----------
    made, gone
        Stamps of the newest upsert and the newest delete; empty without one.
    stamped
        Stamp and value of each field, the geometry (WKB in hexadecimal) as `geom`.
    won
        Fields whose newest value was added now.
    made_now, gone_now
        Whether an upsert was added now, and a delete that is the newest.
    """

    made: str = ""
    gone: str = ""
    stamped: dict[str, list[Any]] = field(default_factory=dict)
    won: set[str] = field(default_factory=set)
    made_now: bool = False
    gone_now: bool = False

    def add(self, message: Message) -> None:
        """Add a change: later values count, and values older than the removal of the feature are dropped."""
        stamp, change = stamp_of(message), message.data["change"]
        if change == "delete":
            if stamp > self.gone:
                self.gone, self.gone_now = stamp, True
                self.stamped = {name: claim for name, claim in self.stamped.items() if claim[0] > stamp}
                self.won &= self.stamped.keys()
            return
        if change == "upsert":
            self.made, self.made_now = max(self.made, stamp), True
        if stamp <= self.gone:
            return
        for name, value in _fields_of(message).items():
            if name not in self.stamped or stamp > self.stamped[name][0]:
                self.stamped[name] = [stamp, value]
                self.won.add(name)

    @property
    def exists(self) -> bool | None:
        """Whether the feature exists; None without an upsert or delete: it exists if it was loaded."""
        return self.made > self.gone if self.made or self.gone else None

    def values(self, names: set[str] | None = None) -> dict[str, Any]:
        """Return the newest values of fields; None returns every field."""
        return {name: claim[1] for name, claim in self.stamped.items() if names is None or name in names}


def _fields_of(message: Message) -> dict[str, Any]:
    shape = shape_of(message)
    stored = None if shape is None else shapely.to_wkb(shapely.set_srid(shape, SRID), hex=True, include_srid=True)
    place = {} if stored is None else {GEOMETRY: stored}
    return {**message.data["properties"], **place}
