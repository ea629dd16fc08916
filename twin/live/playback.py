"""Playback of the past: frames at even steps, each with the features that changed since the frame before.

A frame holds whole features, as items would have returned them at its moment, so that a client only replaces and
removes features. The first frame holds all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Catalog
from layers.errors import BadInput, TooMuch
from layers.moment import Basis, Moment
from twin.live.interest import Interest
from twin.live.snapshot import SEPARATOR, take_snapshot

LAYERS_MAX = 10
FRAMES_MAX = 1_500
STEP_MIN, STEP_MAX = timedelta(seconds=1), timedelta(days=1)
_SEPARATOR = SEPARATOR.encode()


@dataclass(frozen=True, slots=True)
class PlaybackSpan:
    """The moments of a playback.

    Raises
    ------
    BadInput
        When it ends before it begins, or the step is too short or too long.
    TooMuch
        When it has more than `FRAMES_MAX` frames.
    """

    start: datetime
    end: datetime
    step: timedelta

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise BadInput(f"to is {self.end.isoformat()}, before from; allowed are later times", parameter="to")
        if not STEP_MIN <= self.step <= STEP_MAX:
            raise BadInput(f"step is {self.step}; allowed are {STEP_MIN} to {STEP_MAX}", parameter="step")
        if (frames := (self.end - self.start) // self.step + 1) > FRAMES_MAX:
            raise TooMuch(f"{frames} frames are asked for; at most {FRAMES_MAX}: take a longer step", parameter="step")

    def moments(self) -> list[datetime]:
        """Return the moment of each frame."""
        return [self.start + number * self.step for number in range((self.end - self.start) // self.step + 1)]


@dataclass(frozen=True, slots=True)
class PlaybackFrame:
    """The change of one step.

    Attributes
    ----------
    line
        A line of JSON: `at`, and by layer the new or changed `features` and the ids that were `removed`.
    features
        The number of features in it by layer.
    met
        The number of features by layer that were in it or in a frame before it.
    """

    line: bytes
    features: Mapping[str, int]
    met: Mapping[str, int]

    @property
    def size(self) -> int:
        """The number of features in it."""
        return sum(self.features.values())


async def play(
    pool: asyncpg.Pool, catalog: Catalog, actor: Actor, interest: Interest, span: PlaybackSpan, basis: Basis
) -> AsyncIterator[PlaybackFrame]:
    """Yield a frame for each step; the first one holds every feature.

    Raises
    ------
    BadInput, NotFound, TooMuch
        As `take_snapshot`; before the first frame.
    """
    before: dict[str, dict[bytes, str]] = {layer_id: {} for layer_id in interest.layers}
    met: dict[str, set[str]] = {layer_id: set() for layer_id in interest.layers}
    for at in span.moments():
        snapshot = await take_snapshot(pool, catalog, actor, interest, Moment(at, basis))
        changes, numbers = [], {}
        for layer_id, features in snapshot.layers.items():
            now, change, number = _difference(before[layer_id], features)
            before[layer_id] = now
            met[layer_id].update(now.values())
            if change:
                changes.append(b"%b:%b" % (orjson.dumps(layer_id), change))
                numbers[layer_id] = number
        line = b'{"at":%b,"layers":{%b}}\n' % (orjson.dumps(at), b",".join(changes))
        yield PlaybackFrame(line, numbers, {layer_id: len(ids) for layer_id, ids in met.items()})


def _difference(before: dict[bytes, str], features: bytes) -> tuple[dict[bytes, str], bytes, int]:
    """Return the ids of the features by their text, the change as JSON, and its number of features; empty for none."""
    lines = features.split(_SEPARATOR) if features else []
    now = {line: before[line] if line in before else _id(line) for line in lines}
    fresh = [line for line in lines if line not in before]
    there = set(now.values())
    removed = sorted({one for one in before.values() if one not in there})
    if not fresh and not removed:
        return now, b"", 0
    return now, b'{"features":[%b],"removed":%b}' % (b",".join(fresh), orjson.dumps(removed)), len(fresh)


def _id(line: bytes) -> str:
    found: str = orjson.loads(line)["id"]
    return found
