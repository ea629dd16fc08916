"""The span of a question about history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from layers.errors import BadInput, TooMuch
from layers.moment import Moment, read_time


@dataclass(frozen=True, slots=True)
class HistorySpan:
    """A span of time.

    Attributes
    ----------
    start, end
        In UTC; the end is not in it.
    known_at
        In UTC; data that arrived later do not count. None counts all of them.
    latest
        In UTC, the moment as of which history is read; nothing later is told, also not of the bucket that it is in.
        None is the present.
    """

    start: datetime
    end: datetime
    known_at: datetime | None = None
    latest: datetime | None = None

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @classmethod
    def read(
        cls, start: str | None, end: str | None, *, usual: timedelta, most: timedelta, moment: Moment | None = None
    ) -> HistorySpan:
        """Read the parameters `from` and `to`; without `to` the span ends now, without `from` it has the usual length.

        Parameters
        ----------
        moment
            The moment as of which history is read: what happened later is not told, and on the basis `known` nothing
            that arrived later either.

        Raises
        ------
        BadInput
            When a time is malformed, has no offset, or begins in the future; when the span ends before it begins.
        TooMuch
            When it is longer than `most`.
        """
        now = datetime.now(UTC)
        latest = min(now, moment.at) if moment else now
        last = min(read_time(end, "to"), latest) if end is not None else latest
        first = read_time(start, "from") if start is not None else last - usual
        if first > now:
            raise BadInput(
                f"from is {first.isoformat()}, which is not yet; it is {now:%Y-%m-%dT%H:%M:%SZ}", parameter="from"
            )
        if end is not None and read_time(end, "to") <= first:
            raise BadInput(f"to is {end[:60]}, not later than from; allowed are later times", parameter="to")
        if last - first > most:
            raise TooMuch(f"{(last - first).days} days are asked for; at most {most.days} at once", parameter="from")
        known = moment.at if moment is not None and moment.basis == "known" else None
        return cls(first, max(first, last), known, moment.at if moment else None)
