"""Judging how much a playback takes: each frame may show features that none before it had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import orjson

from layers.actor import Actor
from layers.catalog import Catalog
from layers.errors import OneMapError
from layers.moment import Moment
from server.audit.streams import AuditedStream
from server.audit.touched import Touched, begin_note
from server.exports.exports import Exports
from server.exports.taken import judge_taken
from twin.live.playback import PlaybackFrame


class JudgedPlayback:
    """Yields the frames of a playback for as long as their reader may take so many features.

    Parameters
    ----------
    moment
        A moment of the playback.
    note
        That of the request, which was judged by the first frame.
    """

    def __init__(self, exports: Exports, catalog: Catalog, actor: Actor, moment: Moment, note: Touched) -> None:
        self._exports, self._catalog, self._actor, self._moment = exports, catalog, actor, moment
        self._asked, self._approval = note.asked, note.approval

    async def frames(
        self, first: PlaybackFrame, others: AsyncIterator[PlaybackFrame], stream: AuditedStream
    ) -> AsyncIterator[PlaybackFrame]:
        """Yield the frames after the first; one that is too much is replaced by its `error`, and is the last."""
        judged = first
        stream.sent(first)
        async for frame in others:
            if frame.met != judged.met:
                try:
                    await self._judge(frame)
                except OneMapError as error:
                    yield _refused(frame, error)
                    return
                judged = frame
            stream.sent(frame)
            yield frame

    async def _judge(self, frame: PlaybackFrame) -> None:
        begin_note(self._asked, self._approval)  # the same request again, of which the most counts
        await judge_taken(self._exports, self._catalog, self._actor, frame.met, self._moment)


def _refused(frame: PlaybackFrame, error: OneMapError) -> PlaybackFrame:
    document = {"at": orjson.loads(frame.line)["at"], "layers": {}, "error": error.message}
    return replace(frame, line=orjson.dumps(document) + b"\n", features={})
