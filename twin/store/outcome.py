"""Counts of what became of messages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from twin.envelope.refused import Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of messages, all of it durable; outcomes of parts are added.

    Attributes
    ----------
    received
        All of the messages.
    accepted, duplicate
        What was written, and what had been written before.
    late
        Of the accepted: what was older than what is known, and is in history only.
    ignored
        What is of no interest to the feed.
    rejected, waiting
        How many are refused, and how many wait for their feature to appear.
    refused, held
        These messages with their reasons; of a long stream only the first.
    """

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    ignored: int = 0
    rejected: int = 0
    waiting: int = 0
    refused: list[Refusal] = field(default_factory=list)
    held: list[Refusal] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.received + other.received,
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.late + other.late,
            self.ignored + other.ignored,
            self.rejected + other.rejected,
            self.waiting + other.waiting,
            self.refused + other.refused,
            self.held + other.held,
        )

    def with_first(self, refusals: int) -> Outcome:
        """Return the same counts with so many of the refused messages, and none of the held ones."""
        return replace(self, refused=self.refused[:refusals], held=[])
