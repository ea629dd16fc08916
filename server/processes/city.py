"""The living demo city: ``python -m server.processes.city``, with the settings as a line of JSON on standard input.

An ordinary client: it reads the district by OGC API Features, with the operator's token of the home, since strangers
see neither vehicles nor cameras, and pushes to the public feed `demo`, signed with that feed's secret. It has no
database. It ends when its standard input closes, as a worker does.

Its messages follow from seed and time (`twin/city`), so it may be killed at any moment: the next process goes on with
the clock. Only lasting states (cases, cameras, shifts) must be caught up with, from the time in a file of the home.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog

from layers.cluster.home import OURS
from layers.cluster.lock import holder
from server.demo.district_reader import read_district
from server.feeds.key import ensure_feed_key
from server.feeds.sender import FeedSender, connect
from server.identity.operator_token import read_operator_token
from server.processes.logs import configure_logs
from server.settings import Settings
from server.wire.certificate import trust_of
from twin.city.city import City, Liveliness
from twin.city.clock import DAY, HOUR

FEED = "demo"
STORM_LOCK = "storm.lock"
_TICK_S, _TICK_S_MAX = 3.0, 15.0  # a delivery costs the service far more than its messages
_REPORTS_FOR_S = 30  # after a pause, periodic reports are sent for this long back only
_FIRST_BACK_S, _BACK_S_MAX = 12 * HOUR, 2 * DAY
_NOTED_EVERY_S = 10
_BATCH = 400
_log = structlog.get_logger(__name__)


class CityFeed:
    """A city and the time up to which its messages are sent.

    Parameters
    ----------
    home
        Folder with the file of that time, and with the lock of a storm, which then plays the water.
    """

    def __init__(self, city: City, sender: FeedSender, home: Path) -> None:
        self._city, self._sender, self._home = city, sender, home
        self._file = home / "city.until"
        self._sent_until = self._noted = self._reported = 0
        self._tick_s = _TICK_S

    async def live(self) -> None:
        """Catch up, then send messages as their time comes; until cancelled."""
        self._reported = now = int(time.time())
        self._sent_until = self._noted = max(self._read(), now - _BACK_S_MAX)
        self._sent_until = min(self._sent_until, now)
        while True:
            await self._send(int(time.time()))
            await asyncio.sleep(self._tick_s - time.time() % self._tick_s)

    async def _send(self, now: int) -> None:
        """Send the messages up to now; a report that cannot be sent in time is left out: the next replaces it."""
        changes = list(self._city.changes(self._sent_until, now))
        is_storm = holder(self._home / STORM_LOCK) is not None
        since = max(self._reported, now - _REPORTS_FOR_S)
        reports = [] if len(changes) > _BATCH else list(self._city.reports(since, now, is_storm=is_storm))
        waited = self._sender.sent.waited
        for first in range(0, len(changes), _BATCH):
            await self._sender.send(changes[first : first + _BATCH])
        self._sent_until = now
        await self._sender.send(reports, patience_s=0.0)
        self._reported = now
        self._pace(slower=self._sender.sent.waited > waited)
        self._note(now)

    def _pace(self, *, slower: bool) -> None:
        """Send less often when the service asks for it, and gradually more often again."""
        self._tick_s = min(self._tick_s * 2, _TICK_S_MAX) if slower else max(self._tick_s / 1.2, _TICK_S)

    def _note(self, now: int) -> None:
        if now - self._noted >= _NOTED_EVERY_S:
            half = self._file.with_suffix(".new")
            half.write_text(f"{self._sent_until}\n", encoding="ascii")
            half.replace(self._file)
            self._noted = now

    def _read(self) -> int:
        try:
            return int(self._file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return int(time.time()) - _FIRST_BACK_S


async def live(settings: Settings, address: str) -> None:
    """Run the city as a client of the service at an address, until cancelled."""
    token, trust = read_operator_token(settings.home), trust_of(settings.server.tls_certificate)
    async with connect(address, token, trust=trust) as client:
        district = await read_district(client)
        if missing := sorted(name for name, features in district.features.items() if not features):
            _log.warning("the demo city has none of these: they are not there, or hidden from it", layers=missing)
        city = City(district, settings.demo.seed, Liveliness.at(settings.demo.live_rate))
        sender = FeedSender(client, FEED, ensure_feed_key(FEED, settings.home))
        await CityFeed(city, sender, settings.home).live()


async def _main(settings: Settings) -> None:
    living = asyncio.create_task(live(settings, str(settings.server.public_url)))
    loop = asyncio.get_running_loop()

    def end() -> None:
        with suppress(ValueError):
            loop.remove_reader(sys.stdin.fileno())
        living.cancel()

    loop.add_reader(sys.stdin.fileno(), end)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    with suppress(asyncio.CancelledError):
        await living


def main() -> None:
    """Run until the parent is gone or a signal arrives."""
    os.umask(OURS)
    configure_logs()
    asyncio.run(_main(Settings.model_validate_json(sys.stdin.buffer.readline())))


if __name__ == "__main__":
    main()
