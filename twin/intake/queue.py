"""The queue of offers: bounded, fair between feeds, thinned under pressure."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layers.errors import TooMuch
from twin.store.outcome import Outcome

if TYPE_CHECKING:  # slow to import
    from twin.store.batch import Offer

BATCH_MAX = 4_000  # messages; a larger batch gains nothing and delays its first message
WAITING_MAX = 40_000
FEED_WAITING_MAX = 30_000  # of one feed, so that a flood leaves room for the others
PRESSED = 20_000  # above this positions are thinned
PRESSED_BATCH_MAX = 16_000  # larger, because thinning leaves few of them


class Crowded(TooMuch):
    """Too many messages wait; the sender must slow down and send again."""


@dataclass(slots=True, eq=False)
class Waiting:
    """An offer, the future of its outcome, and since when it waits (monotonic seconds)."""

    offer: Offer
    done: asyncio.Future[Outcome]
    since: float

    def __len__(self) -> int:
        return len(self.offer.messages)

    def settle(self, outcome: Outcome | Exception) -> None:
        """Set the outcome of the offer, unless its sender has gone."""
        if self.done.done():
            return
        if isinstance(outcome, Exception):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class Queue:
    """Offers by feed, which are served in turn.

    Attributes
    ----------
    size
        The number of messages that wait.
    filled
        Set while any message waits.
    """

    def __init__(self) -> None:
        self._feeds: dict[str, deque[Waiting]] = {}  # in the order of their turns; none is empty
        self._sizes: dict[str, int] = {}
        self.size = 0
        self.filled = asyncio.Event()

    def add(self, waiting: Waiting) -> None:
        """Add an offer behind the others of its feed.

        A feed without a waiting offer may always add one, so that a flood of other feeds does not exclude it.

        Raises
        ------
        Crowded
            When too many messages wait already.
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
        """Remove and return the next batch: an offer of each feed in turn, until the batch is full.

        Returns
        -------
        tuple
            Offers whose senders still wait, at least one however large, and whether to thin positions.
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
            del self._feeds[feed]  # its next turn comes after those of the others
            if offers:
                self._feeds[feed] = offers
            if not waiting.done.cancelled():
                batch.append(waiting)
                size += len(waiting)
        return batch, thin

    def clear(self) -> list[Waiting]:
        """Remove and return all offers."""
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
