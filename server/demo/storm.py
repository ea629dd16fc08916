"""Player of a storm of the demo city, minute by minute, to the public feeds `demo` and `warnings_cap`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from layers.errors import Unauthenticated
from server.feeds.sender import FeedSender
from twin.city.clock import written
from twin.city.messages import CloudEvent
from twin.city.rain_warning import chain, document, warnings_in
from twin.city.stages import ENDS
from twin.city.storm import Storm
from twin.city.storm_events import StormEvents

COLLECTIONS = (
    "districts", "streets", "grids", "water_level_stations", "rain_gauges", "flood_risk_points", "water_facilities",
    "video_points",
)  # fmt: skip
CAP = "application/cap+xml"
_AFTER_ALL = 100  # above any version of a case


@dataclass(frozen=True, slots=True)
class Minute:
    """The state of a storm after one of its minutes; `number` counts from 0."""

    number: int
    phase: str
    rain_mm_h: float
    deepest_m: float
    warnings: tuple[str, ...]
    calls: int


class Playing:
    """The player of a storm.

    Parameters
    ----------
    sender, warner
        Senders of the feeds `demo` and `warnings_cap`.
    report
        Called after every minute of the storm.
    """

    def __init__(self, storm: Storm, sender: FeedSender, warner: FeedSender, report: Callable[[Minute], None]) -> None:
        self.storm, self._events = storm, StormEvents(storm)
        self._sender, self._warner, self._report = sender, warner, report
        self._open: dict[str, CloudEvent] = {}
        self._minute = 0

    async def play(self) -> None:
        """Play the storm to its end. On cancellation, everything that it opened is closed first.

        Raises
        ------
        Unauthenticated
            When the service accepts no message.
        """
        try:
            for minute in range(self.storm.lasts_min):
                self._minute = minute
                await asyncio.sleep(max(0.0, self.storm.plan.second(minute + 1) - time.time()))
                await self._play(minute)
        except asyncio.CancelledError:
            await self.wind_up()
            raise

    async def _play(self, minute: int) -> None:
        storm = self.storm
        warnings = warnings_in(storm, minute)
        for body in warnings:
            await self._warner.deliver(body, CAP)
        happened = self._events.messages(minute)
        self._follow(happened)
        await self._sender.send([*happened, *storm.measurements(minute)])
        if not (self._sender.sent.is_heard and self._warner.sent.is_heard):
            raise Unauthenticated(
                "the service refuses what is sent; its feeds' secrets must be those of the home (--home)"
            )
        colours = tuple(w.colour if w.message_type != "Cancel" else "none" for w in chain(storm) if w.minute == minute)
        calls = sum(".hotline.created" in message["type"] for message in happened)
        state = (storm.phase(minute), storm.falling_mm_h(minute), storm.deepest_m(minute))
        self._report(Minute(minute, *state, colours, calls))

    def _follow(self, messages: list[CloudEvent]) -> None:
        """Keep the open messages: cases that have not ended, cameras that are offline."""
        for message in messages:
            data = message["data"]
            is_over = data.get("stage") in ENDS or data.get("value_text") == "online"
            if is_over:
                self._open.pop(message["subject"], None)
            else:
                self._open[message["subject"]] = message

    async def wind_up(self) -> None:
        """End the storm early: close cases, bring cameras back, cancel the warning, report usual water levels."""
        at_s = int(time.time())
        await self._sender.send([_closed(message, at_s) for message in self._open.values()])
        so_far = [w for w in chain(self.storm) if w.minute <= self._minute]
        if so_far[-1].message_type != "Cancel":
            cancel = chain(self.storm)[-1]
            early = type(cancel)(self._minute + 1, cancel.message_type, cancel.colour)
            await self._warner.deliver(document(self.storm, [*so_far, early]), CAP)
        water = self.storm.water
        usual: list[CloudEvent] = []
        for measure, things in (
            (water.station, water.stations),
            (water.gauge, water.gauges),
            (water.point, water.points),
            (water.pump, water.pumps),
        ):
            for thing in things:
                usual += measure(thing, at_s)
        await self._sender.send(usual)


def _closed(message: CloudEvent, at_s: int) -> CloudEvent:
    """Return the message that closes the thing which a message has opened."""
    data: dict[str, Any] = dict(message["data"])
    if "value_text" in data:
        data["value_text"] = "online"
        later: dict[str, Any] = {"id": f"{message['id']}-back"}
    else:
        data |= {"stage": "closed", "closed_at": written(at_s)}
        later = {"version": message["version"] + _AFTER_ALL}
    return {**message, **later, "time": written(at_s), "senttime": written(at_s), "data": data}
