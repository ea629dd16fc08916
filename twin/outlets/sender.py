"""What a sender of batches is: it takes a batch to the other side, and returns when that has it."""

from __future__ import annotations

from typing import Protocol

from layers.errors import OneMapError
from twin.outlets.selection import OutletBatch


class NotTaken(OneMapError):
    """The other side did not take a batch; it is sent again later."""


class Gone(NotTaken):
    """The other side says that it wants no more."""


class OutletSender(Protocol):
    """A way out; made once, closed at the end."""

    async def send(self, batch: OutletBatch) -> None:
        """Send a batch; returns when the other side has all of it.

        Raises
        ------
        NotTaken
            When it has not, or nobody knows; sent again, it has the same numbers.
        """

    async def close(self) -> None:
        """Close connections."""
