"""Feeds that replay recordings: `<home>/recordings/{pattern}`, each once, at any speed.

The position is stored in PostGIS before a batch is offered. If the process is killed then, the batch is offered again
with the same times, and counts once.
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
    """Which recordings are replayed, and the speed.

    Attributes
    ----------
    pattern
        Of the names of the recordings.
    speed
        1 is the recorded speed.
    """

    pattern: FileName
    speed: float = Field(default=1, gt=0)


class ReplayFeed(FetchedFeed):
    """A feed that replays recordings."""

    protocol: Literal["replay"]
    connection: ReplayConnection

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"录制 recording: {self.connection.pattern}, × {self.connection.speed:g}"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        """Replay new recordings, and look for more, until cancelled."""
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
    """The progress of a feed's replay, in PostGIS.

    Attributes
    ----------
    played
        Stamps of files that were replayed to their end, by name.
    stamp, place, run
        Of the current recording: its file, the position in it, and the run in its ids.
    """

    def __init__(self, pool: asyncpg.Pool, feed: str) -> None:
        self._pool, self._cursor = pool, Cursor(REPLAY + feed)
        self.played: dict[str, str] = {}
        self.stamp, self.run = "", ""
        self.place: RecordingPosition | None = None

    async def read(self) -> None:
        """Read the progress of an earlier process."""
        row = await self._cursor.read(self._pool)
        state = {} if row is None else row.state
        self.played, self.stamp, self.run = state.get("played", {}), state.get("stamp", ""), state.get("run", "")
        self.place = RecordingPosition.read(state["place"]) if state.get("place") else None

    def is_played(self, path: Path) -> bool:
        """Return whether a file, as it is now, was replayed to its end."""
        return self.played.get(path.name) == _stamp(path)

    def begin(self, path: Path) -> None:
        """Begin a file, or continue at its stored position."""
        stamp = _stamp(path)
        if self.stamp != stamp:
            self.stamp, self.place, self.run = stamp, None, f"{int(datetime.now(UTC).timestamp()):x}"

    async def reach(self, place: RecordingPosition) -> None:
        """Store the position of the next batch."""
        self.place = place
        await self._write()

    async def end(self, path: Path) -> None:
        """Store that a file was replayed to its end."""
        self.played = {**self.played, path.name: self.stamp}
        self.stamp, self.place = "", None
        await self._write()

    async def _write(self) -> None:
        place = None if self.place is None else self.place.written()
        state = {"played": self.played, "stamp": self.stamp, "run": self.run, "place": place}
        await self._cursor.write_state(self._pool, state)


async def play(definition: ReplayFeed, path: Path, progress: Progress, settle: Settle) -> None:
    """Replay one recording to its end, from its stored position."""
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
