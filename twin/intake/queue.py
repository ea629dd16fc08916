"""Offers that wait to be written: bounded, fair between feeds, thinned under pressure."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from layers.errors import TooMuch
from twin.store.batch import Offer
from twin.store.outcome import Outcome

BATCH_MAX = 4_000  # messages; a larger batch gains nothing and delays its first message
WAITING_MAX = 40_000
FEED_WAITING_MAX = 30_000  # of one feed, so that a flood leaves room for the others
PRESSED = 20_000  # from here on positions are thinned
PRESSED_BATCH_MAX = 16_000  # and gathered from further back, because the more there are the fewer remain


class Crowded(TooMuch):
    """More messages wait than may; the sender must slow down and send again."""


@dataclass(slots=True, eq=False)
class Waiting:
    """An offer, whom to tell what became of it, and since when it waits (monotonic seconds)."""

    offer: Offer
    done: asyncio.Future[Outcome]
    since: float

    def __len__(self) -> int:
        return len(self.offer.messages)

    def settle(self, outcome: Outcome | Exception) -> None:
        """Tell what became of the offer, if anybody still waits for it."""
        if self.done.done():
            return
        if isinstance(outcome, Exception):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class Queue:
    """Offers by feed; every feed has its turn.

    Attributes
    ----------
    size
        Messages that wait.
    filled
        Is set while any do.
    """

    def __init__(self) -> None:
        self._feeds: dict[str, deque[Waiting]] = {}  # in the order of their turns; none is empty
        self._sizes: dict[str, int] = {}
        self.size = 0
        self.filled = asyncio.Event()

    def add(self, waiting: Waiting) -> None:
        """Let an offer wait behind the others of its feed.

        A feed of which nothing waits may always bring one: a flood of the others keeps nobody out.

        Raises
        ------
        Crowded
            When too much waits already.
        """
        feed, number = waiting.offer.feed, len(waiting)
        here = self._sizes.get(feed, 0)
        if here and (self.size + number > WAITING_MAX or here + number > FEED_WAITING_MAX):
            raise Crowded(
                f"{self.size} messages wait, {here} of them from '{feed}', and at most {WAITING_MAX} and "
                f"{FEED_WAITING_MAX} may; send again in a second"
            )
        self._feeds.setdefault(feed, deque()).append(waiting)
        self._count(feed, number)

    def put_back(self, batch: Sequence[Waiting]) -> None:
        """Put offers back in front of the others of their feeds."""
        for waiting in reversed(batch):
            self._feeds.setdefault(waiting.offer.feed, deque()).appendleft(waiting)
            self._count(waiting.offer.feed, len(waiting))

    def gather(self) -> tuple[list[Waiting], bool]:
        """Take the next batch: an offer of each feed in turn, until the batch is full.

        Returns
        -------
        tuple
            The offers whose senders still wait, at least one offer however large, and whether to thin positions.
        """
        thin = self.size > PRESSED
        limit = PRESSED_BATCH_MAX if thin else BATCH_MAX
        batch: list[Waiting] = []
        size = 0
        while self._feeds:
            feed, offers = next(iter(self._feeds.items()))
            if batch and size + len(offers[0]) > limit:
                break
            waiting = offers.popleft()
            self._count(feed, -len(waiting))
            del self._feeds[feed]  # its next turn comes after everybody else's
            if offers:
                self._feeds[feed] = offers
            if not waiting.done.cancelled():
                batch.append(waiting)
                size += len(waiting)
        return batch, thin

    def clear(self) -> list[Waiting]:
        """Take everything."""
        everything = [waiting for offers in self._feeds.values() for waiting in offers]
        self._feeds.clear()
        self._sizes.clear()
        self.size = 0
        self.filled.clear()
        return everything

    def _count(self, feed: str, number: int) -> None:
        self.size += number
        here = self._sizes.get(feed, 0) + number
        if here:
            self._sizes[feed] = here
        else:
            self._sizes.pop(feed, None)
        if self.size > 0:
            self.filled.set()
        else:
            self.filled.clear()
