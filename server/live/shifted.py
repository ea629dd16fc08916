"""Parts of a stream in a shifted datum: made once for all subscribers who ask for it.

As in features, the places are shifted, and the values of a layer's fields stay as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import orjson
from starlette.concurrency import run_in_threadpool

from layers.coordinates.datum import DATUMS, Datum, to_datum
from layers.coordinates.shifted_json import DIGITS, shift_document
from twin.live.change_batch import ChangeBatch
from twin.live.playback import PlaybackFrame
from twin.live.subscriber import StreamNotice

_BOXES = ("old", "new")
_PLACE = ("lon", "lat")


def shifted(part: ChangeBatch | StreamNotice, datum: Datum | None) -> ChangeBatch | StreamNotice:
    """Return a part in a datum, which each change and feature names; None leaves it as it is."""
    if datum is None:
        return part
    if isinstance(part, ChangeBatch):
        return part.as_form(_WRITE[datum])
    if part.kind != "snapshot":
        return part
    features = {"features": orjson.loads(b"[" + part.features + b"]")}
    shift_document(features, datum)
    return replace(part, features=orjson.dumps(features["features"])[1:-1])


async def shifted_frames(frames: AsyncIterator[PlaybackFrame], datum: Datum | None) -> AsyncIterator[PlaybackFrame]:
    """Yield the frames of a playback in a datum, which each frame and feature names; None leaves them as they are."""
    async for frame in frames:
        yield frame if datum is None else await run_in_threadpool(_frame, frame, datum)


def _frame(frame: PlaybackFrame, datum: Datum) -> PlaybackFrame:
    document = orjson.loads(frame.line)
    shift_document(document, datum)
    return replace(frame, line=orjson.dumps(document) + b"\n")


def _batch(datum: Datum, batch: ChangeBatch) -> ChangeBatch:
    """Return a batch with its places shifted, all of them at once."""
    changes: list[dict[str, Any]] = [orjson.loads(one) for one in batch.changes]
    slots: list[tuple[Any, Any, Any]] = []
    for change in changes:
        change["datum"] = datum
        if change.get("lon") is not None and change.get("lat") is not None:
            slots.append((change, *_PLACE))
        boxes = [change[name] for name in _BOXES if isinstance(change.get(name), list)]
        slots += [(box, corner, corner + 1) for box in boxes for corner in (0, 2)]
    if slots:
        given = np.array([(holder[lon], holder[lat]) for holder, lon, lat in slots], dtype=np.float64)
        for (holder, lon, lat), (x, y) in zip(slots, np.round(to_datum(given, datum), DIGITS).tolist(), strict=True):
            holder[lon], holder[lat] = x, y
    return ChangeBatch(batch.seq, [orjson.dumps(change) for change in changes], batch.rights)


_WRITE: Mapping[Datum, Callable[[ChangeBatch], ChangeBatch]] = {datum: partial(_batch, datum) for datum in DATUMS}
