"""The messages sent during the faults: those of a small city, each twice and shuffled, until acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import orjson

from benchmarks.faults.proxy import FEED, PublishProxy, SentMessage
from benchmarks.faults.service import SECRET, FaultyService
from twin.feeds.signature import sign

VEHICLES, GAUGES = 12, 8
_BODY = 10  # messages
_SENDERS = 4
_AHEAD = timedelta(hours=3)  # of a clock that has jumped
_STAGES = ("collect", "dispatch", "handle", "closed")


class Workload:
    """Sends messages until stopped, and records the acknowledged ones.

    Attributes
    ----------
    acknowledged
        Messages by (id, version).
    failures
        Deliveries that failed and were sent again.
    refused
        Responses after which a sender must not repeat; none, if all is well.
    clock_jumps
        Whether one source's clock runs ahead now.
    """

    def __init__(self, service: FaultyService, seed: int) -> None:
        self.service, self.seed = service, seed
        self.acknowledged: dict[tuple[str, int], SentMessage] = {}
        self.failures = 0
        self.refused: list[str] = []
        self.clock_jumps = False
        self._random = random.Random(seed)
        self._numbers: dict[str, int] = {}
        self._nonce = 0
        self._open: list[tuple[str, int]] = []
        self._waiting: asyncio.Queue[list[SentMessage]] = asyncio.Queue(maxsize=2 * _SENDERS)

    async def run(self, over: asyncio.Event) -> None:
        """Send until `over`, then until every message that was begun is acknowledged."""
        async with asyncio.TaskGroup() as both:
            proxy = PublishProxy(self.service.broker, self._by_broker, self.seed)
            by_proxy = both.create_task(proxy.run(over))
            both.create_task(self._over_http(over))
        self.failures += proxy.lost
        for message in by_proxy.result():
            self.acknowledged[message["id"], 1] = message

    async def _over_http(self, over: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.service.port}", timeout=60) as client:
            senders = [asyncio.create_task(self._send(client)) for _ in range(_SENDERS)]
            repeats: list[SentMessage] = []
            while not over.is_set():
                body = [self._message() for _ in range(_BODY)]
                repeats = self._shuffled(repeats + body)
                await self._waiting.put(body)
                again, repeats = repeats[:_BODY], repeats[_BODY:]
                await self._waiting.put(again)
            while repeats:
                again, repeats = repeats[:_BODY], repeats[_BODY:]
                await self._waiting.put(again)
            await self._waiting.join()
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def _send(self, client: httpx.AsyncClient) -> None:
        while True:
            body = await self._waiting.get()
            while not await self._post(client, body):
                self.failures += 1
                await asyncio.sleep(0.1)
            for message in body:
                self.acknowledged[message["id"], message.get("version", 1)] = message
            self._waiting.task_done()

    async def _post(self, client: httpx.AsyncClient, messages: list[SentMessage]) -> bool:
        body = orjson.dumps(messages)
        self._nonce += 1
        nonce = f"{self.seed:08}-{self._nonce:020}"
        headers = sign(SECRET.encode(), "demo", body, now=datetime.now(UTC), nonce=nonce)
        try:
            response = await client.post(
                "/feeds/demo", content=body, headers={"content-type": "application/cloudevents-batch+json", **headers}
            )
        except httpx.HTTPError:
            return False
        code = response.status_code
        if (code == 200 and response.json()["rejected"]) or (400 <= code < 500 and code != 429):
            self.refused.append(response.text)
        return code == 200

    def _shuffled(self, messages: list[SentMessage]) -> list[SentMessage]:
        self._random.shuffle(messages)
        return messages

    def _message(self) -> SentMessage:
        share = self._random.random()
        if share < 0.5:
            return self._position()
        return self._observation() if share < 0.8 else self._event()

    def _envelope(
        self, kind: str, subject: str, data: Mapping[str, object], *, jumps: bool = False, feed: str = "demo"
    ) -> SentMessage:
        number = self._numbers[subject] = self._numbers.get(subject, 0) + 1
        when = datetime.now(UTC) + (_AHEAD if jumps else timedelta())
        return {
            "specversion": "1.0",
            "id": f"{self.seed}/{subject}/{number}",
            "source": f"/feeds/{feed}",
            "type": f"cn.gov.district.{kind}.updated",
            "subject": subject,
            "time": when.isoformat(),
            "data": data,
        }

    @property
    def subjects(self) -> dict[str, list[str]]:
        """The subjects of its messages by layer, except events."""
        gauges = [f"{letter}{number}" for letter in "gb" for number in range(GAUGES)]
        return {"vehicles": [f"jumping-{self.seed}", *(f"v{n}" for n in range(VEHICLES))], "rain_gauges": gauges}

    def _position(self) -> SentMessage:
        lon, lat = (round(self._random.uniform(*between), 6) for between in ((113.3, 113.4), (23.1, 23.2)))
        jumps = self.clock_jumps and self._random.random() < 0.2
        thing = f"vehicles/jumping-{self.seed}" if jumps else f"vehicles/v{self._random.randrange(VEHICLES)}"
        return self._envelope("position", thing, {"lon": lon, "lat": lat}, jumps=jumps)

    def _observation(self) -> SentMessage:
        value = round(self._random.uniform(0, 50), 2)
        subject = f"rain_gauges/g{self._random.randrange(GAUGES)}"
        return self._envelope("observation", subject, {"property": "rain_mm", "value": value, "unit": "mm"})

    def _by_broker(self) -> SentMessage:
        value = round(self._random.uniform(0, 50), 2)
        subject = f"rain_gauges/b{self._random.randrange(GAUGES)}"
        return self._envelope("observation", subject, {"property": "rain_mm", "value": value, "unit": "mm"}, feed=FEED)

    def _event(self) -> SentMessage:
        if self._open and self._random.random() < 0.6:
            name, stage = self._open.pop(self._random.randrange(len(self._open)))
        else:
            name, stage = f"E{self.seed}-{len(self._numbers)}-{self._random.randrange(10**9)}", 0
        if stage + 1 < len(_STAGES):
            self._open.append((name, stage + 1))
        data = {"source": "grid_case", "stage": _STAGES[stage], "title": f"占道经营 {_STAGES[stage]}"}
        envelope = self._envelope("event", f"events/{name}", data)
        return {**envelope, "id": name, "version": stage + 1}
