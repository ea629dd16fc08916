"""The answer to a delivery: what became of it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from twin.intake.streamed import REFUSED_SHOWN_MAX
from twin.store.outcome import Outcome


class RefusedInBatch(BaseModel):
    """One message that was not taken; it is kept with its reason."""

    index: int = Field(description="place in the body, from 0")
    reason: str
    detail: str


class Taken(BaseModel):
    """What became of a delivery; all that is counted as accepted or duplicate is durable."""

    received: int
    accepted: int
    duplicate: int
    late: int
    ignored: int
    rejected: int
    held: int = Field(default=0, description="about features that are not there; taken when they appear")
    refused: list[RefusedInBatch] = Field(description="the first of them")
    lines: int | None = Field(default=None, description="of a stream: how many of its lines are taken, or kept")

    @classmethod
    def of(cls, outcome: Outcome, lines: int | None = None) -> Taken:
        """Make the answer of an outcome."""
        shown = outcome.refused[:REFUSED_SHOWN_MAX]
        return cls(
            received=outcome.received,
            accepted=outcome.accepted,
            duplicate=outcome.duplicate,
            late=outcome.late,
            ignored=outcome.ignored,
            rejected=outcome.rejected,
            held=outcome.waiting,
            refused=[RefusedInBatch(index=one.index, reason=str(one.reason), detail=one.detail) for one in shown],
            lines=lines,
        )
