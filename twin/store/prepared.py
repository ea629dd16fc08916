"""A batch before its transaction: messages are joined with areas and made into rows while another batch commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from twin.envelope.message import Message
from twin.join.devices import DeviceArea
from twin.join.result import JoinedPoints
from twin.store.observations import ObservationRows
from twin.store.placed import PlacedMessage
from twin.store.positions import PositionRows

type _Times = list[datetime | None]


class AreaJoin(Protocol):
    """The join of points and devices with areas (`twin.join.index.AreaIndex`)."""

    def locate(self, lonlat: npt.NDArray[np.float64]) -> JoinedPoints:
        """Return the facts of points `[n, 2]` in CRS84 degrees; NaN has none."""

    def areas_of(self, lonlat: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
        """Return the grid codes and area codes of such points."""

    def device_area(self, layer: str, device_id: str) -> DeviceArea:
        """Return the grid code and the area code of a device."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """New messages, ready to be written.

    Attributes
    ----------
    moved, measured
        Rows of positions and observations.
    moved_claimed, measured_claimed
        The time a row's sender claimed, where that lies in the future; None when no sender did.
    placed
        The other messages, by kind.
    coalesced
        Positions that `thin` left out, because the batch has a newer one of the same thing.
    """

    moved: PositionRows
    moved_claimed: _Times | None
    measured: ObservationRows
    measured_claimed: _Times | None
    placed: dict[str, list[PlacedMessage]]
    coalesced: list[Message]

    @classmethod
    def of(cls, areas: AreaJoin, messages: Sequence[Message], now: datetime, *, thin: bool = False) -> Prepared:
        """Join messages with areas and make rows of them.

        Parameters
        ----------
        now
            When the messages came: the time of suspect ones.
        thin
            Keep the newest position of each thing only.
        """
        by_kind = defaultdict[str, list[Message]](list)
        for message in messages:
            by_kind[message.kind].append(message)
        actual = {kind: _actual(found) for kind, found in by_kind.items()}
        positions, coalesced = actual.pop("position", []), list[Message]()
        if thin:
            positions, coalesced = _newest(positions)
        positions, moved_claimed = at_reception(positions, now)
        observations, measured_claimed = at_reception(actual.pop("observation", []), now)
        placed = {kind: _placed(areas, at_reception(found, now)[0]) for kind, found in actual.items()}
        moved = PositionRows.of(positions, _areas_of(areas, positions))
        measured = ObservationRows.of(observations, _areas_of_devices(areas, observations))
        return cls(moved, moved_claimed, measured, measured_claimed, placed, coalesced)


def _actual(messages: list[Message]) -> list[Message]:
    """Return the messages that are no exercise: those never reach the live map."""
    modes = {message.mode for message in messages}
    return messages if modes <= {"actual"} else [message for message in messages if message.mode == "actual"]


def at_reception(messages: list[Message], now: datetime) -> tuple[list[Message], _Times | None]:
    """Give messages from the future the time at which they came.

    A clock that jumps ahead would otherwise win the state until its moment has passed.

    Returns
    -------
    tuple
        The messages, and for each the time it claimed if that lies in the future; None when none did.
    """
    if True not in {message.suspect for message in messages}:
        return messages, None
    claimed = [message.phenomenon_time if message.suspect else None for message in messages]
    return [_received_at(message, now) if message.suspect else message for message in messages], claimed


def _received_at(message: Message, now: datetime) -> Message:
    if message.kind in {"position", "observation"}:
        return message._replace(phenomenon_time=now)
    data = {**message.data, "claimed_time": message.phenomenon_time} if message.kind == "event" else message.data
    return message._replace(phenomenon_time=now, data=data)


def _newest(positions: list[Message]) -> tuple[list[Message], list[Message]]:
    """Return the newest position of each thing, and the others."""
    newest: dict[tuple[str, str], Message] = {}
    others = []
    for message in positions:
        known = newest.setdefault((message.layer, message.feature_id), message)
        if known is message:
            continue
        older = message
        if (message.phenomenon_time, message.lon, message.lat) > (known.phenomenon_time, known.lon, known.lat):
            older, newest[message.layer, message.feature_id] = known, message
        others.append(older)
    return list(newest.values()), others


def _areas_of(areas: AreaJoin, messages: Sequence[Message]) -> list[DeviceArea]:
    if not messages:
        return []
    return list(zip(*areas.areas_of(_lonlat(messages)), strict=True))


def _areas_of_devices(areas: AreaJoin, messages: Sequence[Message]) -> list[DeviceArea]:
    """Return the areas of observations: of their own place where they have one, else of their device."""
    found = [areas.device_area(message.layer, message.feature_id) for message in messages]
    own = [position for position, message in enumerate(messages) if message.lon is not None]
    for position, area in zip(own, _areas_of(areas, [messages[p] for p in own]), strict=True):
        found[position] = area
    return found


def _lonlat(messages: Sequence[Message]) -> npt.NDArray[np.float64]:
    """Return the places `[n, 2]` of messages; NaN where there is none, which is how numpy reads None."""
    lonlat = np.empty((len(messages), 2))
    lonlat[:, 0] = [message.lon for message in messages]
    lonlat[:, 1] = [message.lat for message in messages]
    return lonlat


def _placed(areas: AreaJoin, messages: Sequence[Message]) -> list[PlacedMessage]:
    if not messages:
        return []
    facts = areas.locate(_lonlat(messages))
    columns = (facts.grid_code, facts.area_code, facts.urban_village_ids, facts.waterway_id)
    return [PlacedMessage(*row) for row in zip(messages, *columns, strict=True)]
