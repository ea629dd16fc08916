"""The connector of feeds that are played from recordings: `<home>/recordings/{pattern}`, each once, at any speed.

How far it got stands in PostGIS before a portion is offered; killed then, the portion is offered again with the same
times, and counts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Literal, override

import asyncpg
import orjson
from pydantic import Field

from twin.connectors.connector import FetchedFeed, Status
from twin.connectors.drop_folder import FileName
from twin.envelope.read import LINES
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedConnection
from twin.feeds.recording import RecordingPosition, played
from twin.intake.settling import Settle, settled
from twin.jobs.jobs import Parts
from twin.log.cursor import REPLAY, Cursor

FOLDER = "recordings"
_LOOK_SECONDS = 2.0


class ReplayConnection(FeedConnection):
    """Which recordings are played, and how fast.

    Attributes
    ----------
    pattern
        Of the names of the recordings.
    speed
        1 is as it was.
    """

    pattern: FileName
    speed: float = Field(default=1, gt=0)


class ReplayFeed(FetchedFeed):
    """A feed that is played from recordings."""

    protocol: Literal["replay"]
    connection: ReplayConnection

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"录制 recording: {self.connection.pattern}, × {self.connection.speed:g}"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        """Play what is there and was not played, and look for more, until cancelled."""
        folder = parts.home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        progress = Progress(parts.pool, self.name)
        await progress.read()
        settle = partial(parts.intake.take_read, self.name)
        while True:
            for path in _recordings(folder, self.connection.pattern):
                if not progress.is_played(path):
                    await status.working(f"plays {path.name} at speed {self.connection.speed:g}")
                    await play(self, path, progress, settle)
            await status.working(f"looks into {folder}")
            await asyncio.sleep(_LOOK_SECONDS)


def _recordings(folder: Path, pattern: str) -> list[Path]:
    names = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    return sorted(path for path in names if fnmatchcase(path.name, pattern) and not path.name.startswith("."))


class Progress:
    """How far the recordings of a feed were played, in PostGIS.

    Attributes
    ----------
    played
        Stamps of files that were played to their end, by name.
    stamp, place, run
        Of the one that is being played: which it is, where it is, and the run its identities carry.
    """

    def __init__(self, pool: asyncpg.Pool, feed: str) -> None:
        self._pool, self._cursor = pool, Cursor(REPLAY + feed)
        self.played: dict[str, str] = {}
        self.stamp, self.run = "", ""
        self.place: RecordingPosition | None = None

    async def read(self) -> None:
        """Remember what an earlier life noted."""
        row = await self._cursor.read(self._pool)
        state = {} if row is None else row.state
        self.played, self.stamp, self.run = state.get("played", {}), state.get("stamp", ""), state.get("run", "")
        self.place = RecordingPosition.read(state["place"]) if state.get("place") else None

    def is_played(self, path: Path) -> bool:
        """Tell whether a file, as it is now, was played to its end."""
        return self.played.get(path.name) == _stamp(path)

    def begin(self, path: Path) -> None:
        """Begin a file, or go on with it where it was left."""
        stamp = _stamp(path)
        if self.stamp != stamp:
            self.stamp, self.place, self.run = stamp, None, f"{int(datetime.now(UTC).timestamp()):x}"

    async def reach(self, place: RecordingPosition) -> None:
        """Note what is offered next."""
        self.place = place
        await self._write()

    async def end(self, path: Path) -> None:
        """Note that a file was played to its end."""
        self.played = {**self.played, path.name: self.stamp}
        self.stamp, self.place = "", None
        await self._write()

    async def _write(self) -> None:
        place = None if self.place is None else self.place.written()
        state = {"played": self.played, "stamp": self.stamp, "run": self.run, "place": place}
        await self._cursor.write_state(self._pool, state)


async def play(definition: ReplayFeed, path: Path, progress: Progress, settle: Settle) -> None:
    """Play one recording to its end, from where it was left."""
    progress.begin(path)
    speed = definition.connection.speed
    for due_at, portion, place in played(path, progress.place, speed=speed, run=progress.run, now=_now):
        await asyncio.sleep(max(0.0, (due_at - _now()).total_seconds()))
        if place != progress.place:
            await progress.reach(place)
        body = b"\n".join(orjson.dumps({**event, "source": definition.source}) for event in portion.events)
        await settled(settle, decode(definition, Delivery(body, {"content-type": LINES}), now=_now()))
    await progress.end(path)


def _now() -> datetime:
    return datetime.now(UTC)


def _stamp(path: Path) -> str:
    of = path.stat()
    return f"{path.name}:{of.st_size}:{of.st_mtime_ns}"
