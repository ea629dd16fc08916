"""The parameters of OGC API - Moving Features: which time, which part of a movement, and which page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from layers.actor import Actor
from layers.catalog import Layer
from layers.coordinates.crs import CRS84
from layers.cql2 import DegreeBox, parse_bbox
from layers.errors import BadInput, TooMuch
from layers.moment import Moment, read_moment, read_time
from layers.read.facts import throughout
from server.http.parameters import read_choice, read_number, refuse_unknown
from twin.history.primitives import TemporalPrimitive, whole_days
from twin.history.span import HistorySpan
from twin.history.track import SPAN_MAX

MovingResource = Literal["tgsequence", "tproperties", "tproperty"]
COMMON = ("f", "lang", "datetime", "at", "basis")
PARAMETERS: Mapping[MovingResource, tuple[str, ...]] = {
    "tgsequence": ("bbox", "limit", "offset", "leaf", "subTrajectory"),
    "tproperties": ("limit", "offset", "subTemporalValue"),
    "tproperty": ("leaf", "subTemporalValue"),
}
LIMIT_USUAL, LIMIT_MAX, LEAVES_MAX = 10, 10_000, 1_000
_USUAL = timedelta(days=1)
_FORMS = "a time with its offset, first/last, ../last or first/.."


@dataclass(frozen=True, slots=True)
class MovingRequest:
    """A question about a moving feature.

    Attributes
    ----------
    first, last
        The interval in UTC, both included.
    is_chosen
        Whether the client named it.
    moment
        As of which history is told; None is the present.
    cuts
        Whether primitives are cut to the interval; otherwise those that meet it are told whole.
    leaf
        Growing times of which alone values are told; None for all.
    box
        What a movement must meet; None for anywhere.
    limit, offset
        Of movements or properties.
    """

    first: datetime
    last: datetime
    is_chosen: bool
    moment: Moment | None
    cuts: bool
    leaf: tuple[datetime, ...] | None
    box: DegreeBox | None
    limit: int
    offset: int

    @property
    def span(self) -> HistorySpan:
        """What must be read: the local days of the interval, as far as they are told."""
        begin, end = whole_days(self.first.timestamp(), self.last.timestamp())
        latest = min(datetime.now(UTC), self.moment.at) if self.moment else datetime.now(UTC)
        start = datetime.fromtimestamp(begin, UTC)
        known = self.moment.at if self.moment and self.moment.basis == "known" else None
        return HistorySpan(start, max(start, min(datetime.fromtimestamp(end, UTC), latest)), known)

    def interval_s(self, layer: Layer, actor: Actor) -> tuple[float, float]:
        """Return the interval as far as an actor may tell times apart: whole days where times are shown roughly.

        Raises
        ------
        Forbidden
            When the actor may not see where features of the layer were.
        """
        seen = throughout(layer, actor, "position", self.first, self.last).moment
        start = getattr(seen, "start", self.first)
        return start.timestamp(), (seen.at if seen else self.last).timestamp()

    def chosen(self, primitive: TemporalPrimitive, interval_s: tuple[float, float]) -> TemporalPrimitive | None:
        """Return what is told of a primitive; None when nothing is."""
        if not primitive.meets(*interval_s):
            return None
        if self.leaf is not None:
            return primitive.at(np.array([moment.timestamp() for moment in self.leaf]))
        return primitive.between(*interval_s) if self.cuts else primitive


def read_moving(resource: MovingResource, given: Mapping[str, str]) -> MovingRequest:
    """Read the parameters of a resource.

    Raises
    ------
    BadInput
        For anything unknown or malformed; the message says what is allowed.
    TooMuch
        When more days are asked for than are told at once.
    """
    refuse_unknown(given, (*COMMON, *PARAMETERS[resource]))
    moment = read_moment(given.get("at"), given.get("basis"))
    leaf = _leaf(given)
    cutting = "subTrajectory" if resource == "tgsequence" else "subTemporalValue"
    cuts = read_choice(given, cutting, ("true", "false"), "false") == "true"
    if cuts and leaf is not None:
        raise BadInput(f"{cutting} is given with leaf; leave one out", parameter=cutting)
    first, last = _interval(given.get("datetime"), leaf, moment)
    if cuts and not _is_bounded(given.get("datetime")):
        raise BadInput(f"{cutting} is true, which takes datetime as first/last, both written", parameter="datetime")
    return MovingRequest(
        first,
        last,
        "datetime" in given,
        moment,
        cuts,
        leaf,
        parse_bbox(given["bbox"], CRS84) if "bbox" in given else None,
        min(read_number(given, "limit", LIMIT_USUAL, lowest=1), LIMIT_MAX),
        read_number(given, "offset", 0, lowest=0),
    )


def _leaf(given: Mapping[str, str]) -> tuple[datetime, ...] | None:
    if "leaf" not in given:
        return None
    parts = given["leaf"].split(",", LEAVES_MAX)
    if len(parts) > LEAVES_MAX:
        raise TooMuch(f"leaf names more than {LEAVES_MAX} times; ask in parts", parameter="leaf")
    times = tuple(read_time(part, "leaf") for part in parts)
    if any(times[number] >= later for number, later in enumerate(times[1:])):
        raise BadInput("leaf names times that do not grow; write each once, the earlier one first", parameter="leaf")
    return times


def _is_bounded(text: str | None) -> bool:
    return text is not None and "/" in text and not {"", ".."} & {part.strip() for part in text.split("/")}


def _interval(text: str | None, leaf: tuple[datetime, ...] | None, moment: Moment | None) -> tuple[datetime, datetime]:
    """Return the interval; an open end is now, an open beginning as early as is told at once."""
    now = datetime.now(UTC)
    latest = min(now, moment.at) if moment else now
    if text is None:
        first, last = (leaf[0], leaf[-1]) if leaf else (latest - _USUAL, latest)
    else:
        first, last = _written(text, latest)
    if first > now:
        raise BadInput(
            f"the time begins at {first.isoformat()}, which is not yet; it is {now:%Y-%m-%dT%H:%M:%SZ}",
            parameter="datetime" if text else "leaf",
        )
    if last - first > SPAN_MAX:
        raise TooMuch(
            f"{(last - first).days} days are asked for; at most {SPAN_MAX.days} at once",
            parameter="datetime" if text else "leaf",
        )
    return first, last


def _written(text: str, latest: datetime) -> tuple[datetime, datetime]:
    parts = [part.strip() for part in text.split("/", 2)]
    begin, end = (None if part in {"", ".."} else read_time(part, "datetime") for part in (parts[0], parts[-1]))
    if len(parts) > 2 or (len(parts) == 1 and begin is None):
        raise BadInput(f"datetime is '{text[:80]}'; allowed are {_FORMS}", parameter="datetime")
    last = min(end or latest, latest) if len(parts) == 2 else end or latest
    first = begin or last - SPAN_MAX
    if begin and end and begin > end:
        raise BadInput(f"datetime is '{text[:80]}', which ends before it begins", parameter="datetime")
    return first, max(first, last)
