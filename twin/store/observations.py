"""Observations: all of them into history, the newest of each property of each device into its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import asyncpg

from twin.envelope.message import Message
from twin.join.devices import DeviceArea
from twin.log.change import ObservationChange
from twin.store import binary
from twin.store.staged import in_one_order, renew, stage

_COLUMNS = ("id", "property", "phenomenon_time", "value", "value_text", "unit", "quality_flag", "grid_code")
_REVISED = ("source_version", "sent_time")
_COLUMNS_OF = itemgetter(
    *map(
        Message._fields.index,
        ("feature_id", "property_code", "phenomenon_time", "value", "value_text", "unit", "quality"),
    )
)
_REVISION = itemgetter(*map(Message._fields.index, ("version", "sent_time", "phenomenon_time")))
_UPSERT = """
INSERT INTO twin.observation_now AS kept
    (id, property, phenomenon_time, value, value_text, unit, quality_flag, source_version, sent_time)
SELECT id, property, phenomenon_time, value, value_text, unit, quality_flag, source_version, sent_time
FROM pg_temp.incoming_observation
ON CONFLICT (id, property) DO UPDATE SET phenomenon_time = excluded.phenomenon_time, value = excluded.value,
    value_text = excluded.value_text, unit = excluded.unit, quality_flag = excluded.quality_flag,
    source_version = excluded.source_version, sent_time = excluded.sent_time, ingested_at = now()
WHERE (
    excluded.phenomenon_time, coalesce(excluded.source_version, 1),
    coalesce(excluded.sent_time, excluded.phenomenon_time),
    coalesce(excluded.value, '-inf'), coalesce(excluded.value_text, '') COLLATE "C"
) > (
    kept.phenomenon_time, coalesce(kept.source_version, 1), coalesce(kept.sent_time, kept.phenomenon_time),
    coalesce(kept.value, '-inf'), coalesce(kept.value_text, '') COLLATE "C"
)
"""
_RENEWED = """
SELECT id, property FROM pg_temp.incoming_observation JOIN twin.observation_now AS kept USING (id, property)
WHERE kept.xmin = pg_current_xact_id()::xid
"""

type _Row = tuple[Any, ...]
type _Revision = tuple[int, datetime | None]
type _Newest = tuple[int, str, DeviceArea]
type ObservedProperty = tuple[str, str]  # the device and the property


@dataclass(frozen=True, slots=True)
class ObservationRows:
    """Observations as rows.

    Attributes
    ----------
    rows
        Rows of history.
    newest
        The newest of each device and property, in their order: its place in `rows`, its device's layer, and its area.
    revisions
        The version of each row and the time it was sent, which decide between rows of one time; None when all are first
        versions, sent when they were measured. Most are, and these columns are not written then.
    """

    rows: list[_Row]
    newest: dict[ObservedProperty, _Newest]
    revisions: list[_Revision] | None = None

    @classmethod
    def of(cls, messages: Sequence[Message], areas: Sequence[DeviceArea]) -> ObservationRows:
        """Return rows of observations and areas; of several at one time the same wins in every order of arrival."""
        rows = [(*_COLUMNS_OF(message), area[0]) for message, area in zip(messages, areas, strict=True)]
        newest: dict[ObservedProperty, _Newest] = {}
        for place, row in enumerate(rows):
            one = place, messages[place].layer, areas[place]
            known = newest.setdefault(row[:2], one)
            if known is not one and _rank(messages[place]) > _rank(messages[known[0]]):
                newest[row[:2]] = one
        revisions = list(map(_REVISION, messages))
        is_revised = any(version != 1 or sent not in (None, time) for version, sent, time in revisions)
        in_order = {series: newest[series] for series in in_one_order(newest)}
        return cls(rows, in_order, [(version, sent) for version, sent, _ in revisions] if is_revised else None)


async def write(
    connection: asyncpg.Connection, measured: ObservationRows, claimed: Sequence[Any] | None = None
) -> tuple[list[ObservationChange], set[ObservedProperty]]:
    """Write observations in the open transaction.

    Returns
    -------
    changes, late
        One change for each state that was renewed; and the devices and properties of which something newer was known,
        whose rows are in history only.
    """
    if not measured.rows:
        return [], set()
    rows, newest = measured.rows, measured.newest
    every: tuple[str, ...] = (*_COLUMNS, *_REVISED)
    columns, written = every[: len(_COLUMNS)], binary.observations(rows)
    if measured.revisions is not None:
        columns, written = every, binary.with_revisions(written, measured.revisions)
    states = [written[place] for place, _, _ in newest.values()]
    if claimed is None:
        await binary.copy(connection, "observation", columns, written)
    else:
        marked = binary.with_moments(written, claimed)
        await binary.copy(connection, "observation", (*columns, "claimed_time"), marked)
    await stage(connection, "incoming_observation", "twin.observation", every, states, given=columns)
    renewed, late = await renew(connection, _UPSERT, _RENEWED, newest)
    return [_change(rows[place], layer, area) for place, layer, area in renewed.values()], late


def _rank(message: Message) -> tuple[Any, ...]:
    """Order by time, then by revision, then by value, as the statement does."""
    value = message.value
    return (
        message.phenomenon_time,
        message.version,
        message.sent_time or message.phenomenon_time,
        float("-inf") if value is None else value,
        (message.value_text or "").encode(),
    )


def _change(row: _Row, layer: str, area: DeviceArea) -> ObservationChange:
    name, code, time, value, value_text, unit, quality, grid_code = row
    return {
        "kind": "observation",
        "layer": layer,
        "id": name,
        "property": code,
        "phenomenon_time": time,
        "value": value,
        "value_text": value_text,
        "unit": unit,
        "quality_flag": quality,
        "grid_code": grid_code,
        "area_code": area[1],
    }
