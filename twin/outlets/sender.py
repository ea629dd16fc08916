"""The protocol of senders: a sender returns when the receiver has the batch."""

from __future__ import annotations

from typing import Protocol

from layers.errors import OneMapError
from twin.outlets.selection import OutletBatch


class NotTaken(OneMapError):
    """The receiver did not take a batch; it is sent again later."""


class Gone(NotTaken):
    """The receiver wants no more batches."""


class OutletSender(Protocol):
    """Sends batches to one receiver; closed at the end."""

    async def send(self, batch: OutletBatch) -> None:
        """Send a batch; return when the receiver has all of it.

        Raises
        ------
        NotTaken
            When the receiver has not taken it, or the outcome is unknown; sent again, it has the same numbers.
        """

    async def close(self) -> None:
        """Close connections."""
