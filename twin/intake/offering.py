"""Offering the messages of a reading: a message that the database refuses fails alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from layers.database.faults import refuses_value
from layers.errors import BadInput
from twin.envelope.message import Message, Reading
from twin.envelope.refused import Reason, Refusal, raw_of
from twin.envelope.write import write_structured
from twin.store.outcome import Outcome

type Offering = Callable[[Sequence[Message]], Awaitable[Outcome]]


async def offer_accepted(offer: Offering, messages: Sequence[Message]) -> Outcome:
    """Offer messages; one that the database refuses is found by halving, and is refused in the outcome.

    Raises
    ------
    asyncpg.PostgresError
        For errors that are no fault of the messages.
    """
    try:
        return await offer(messages)
    except (BadInput, asyncpg.PostgresError) as error:
        if not isinstance(error, BadInput) and not refuses_value(error):
            raise
        if len(messages) == 1:
            raw = raw_of(write_structured(messages[0]))
            refusal = Refusal(0, Reason.NOT_WRITTEN, f"the database refuses it: {error}", raw, canonical=True)
            return Outcome(received=1, rejected=1, refused=[refusal])
    middle = len(messages) // 2
    first = await offer_accepted(offer, messages[:middle])
    return first + await offer_accepted(offer, messages[middle:])


def set_aside(reading: Reading) -> Outcome:
    """Return the outcome of everything in a reading that is not offered: refused, held and ignored messages."""
    rejected, waiting = len(reading.refused), len(reading.held)
    return Outcome(
        received=rejected + waiting + reading.ignored,
        ignored=reading.ignored,
        rejected=rejected,
        waiting=waiting,
        refused=[*reading.refused],
        held=[*reading.held],
    )
