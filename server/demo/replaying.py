"""Replay of a recording to a public feed: batch by batch at their times, resumable after each batch."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from layers.errors import BadFile, BadInput, Conflict, Unavailable
from server.feeds.post import Posted, deliver
from twin.envelope.read import BATCH
from twin.feeds.definition import FeedDefinition
from twin.feeds.recording import RecordingBatch, RecordingPosition, played

FOLDER = "replays"
_PATIENCE_S, _WAIT_S = 120.0, 1.0


@dataclass(slots=True)
class Replaying:
    """The replay of a recording to a feed.

    Parameters
    ----------
    home
        Folder in which the position is saved.
    key
        Key of the signature; None for a feed without a secret.
    """

    path: Path
    definition: FeedDefinition
    home: Path
    key: bytes | None
    speed: float
    keep_times: bool
    posted: Posted = field(default_factory=Posted)

    def play(self, client: httpx.Client, *, resume: bool, show: Callable[[RecordingBatch, Posted], None]) -> None:
        """Play to the end. After an interruption, `resume` continues after the last acknowledged batch.

        Raises
        ------
        BadFile
            When the file is not a recording.
        Conflict
            When there is no saved position, or the recording has changed since.
        OneMapError
            When the server refuses the batch; with the message of the server.
        """
        place, run = self._saved_position() if resume else (None, "" if self.keep_times else secrets.token_hex(4))
        for due_at, batch, reached in played(self.path, place, speed=self.speed, run=run, now=_now):
            time.sleep(max(0.0, (due_at - _now()).total_seconds()))
            self._save(reached)
            self._send(client, batch.events)
            show(batch, self.posted)
        self._file.unlink(missing_ok=True)

    def _send(self, client: httpx.Client, events: list[dict[str, Any]]) -> None:
        body = orjson.dumps([{**event, "source": self.definition.source} for event in events])
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self.posted.add(deliver(client, self.definition.name, self.key, body, BATCH))
            except BadInput as error:  # no event was accepted, and all are kept as refused
                one = {"reason": "refused", "detail": error.message}
                self.posted.add({"received": len(events), "rejected": len(events), "refused": [one]})
                return
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_WAIT_S)  # the server may be restarting
            else:
                return

    @property
    def _file(self) -> Path:
        identity = f"{self.path.resolve()}\n{self.definition.name}\n{self.keep_times}"
        return self.home / FOLDER / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"

    def _saved_position(self) -> tuple[RecordingPosition, str]:
        try:
            saved = orjson.loads(self._file.read_bytes())
            place, stamp = RecordingPosition.read(saved["place"]), saved["stamp"]
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise Conflict(f"{self.path.name} was not left half way; play it without --resume") from error
        if stamp != _stamp(self.path):
            raise Conflict(f"{self.path.name} has changed since it was left; play it without --resume")
        return place, place.shift.run

    def _save(self, place: RecordingPosition) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        half = self._file.with_suffix(".new")
        half.write_bytes(orjson.dumps({"place": place.written(), "stamp": _stamp(self.path)}))
        half.replace(self._file)


def _now() -> datetime:
    return datetime.now(UTC)


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise BadFile(f"cannot read {path}: {error.strerror}", parameter="file") from error
    return f"{status.st_size}:{status.st_mtime_ns}"
