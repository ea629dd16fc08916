"""The servers of a comparison, and the order in which they take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Contestant[**Request]:
    """A server that takes part.

    Attributes
    ----------
    start
        Runs the server for a block and gives its address.
    path
        The path of a request in the server's own form.
    """

    name: str
    start: Callable[[], AbstractContextManager[str]]
    path: Callable[Request, str]


def turns[**Request](
    contestants: Sequence[Contestant[Request]], rounds: int, title: str = ""
) -> Iterator[Contestant[Request]]:
    """Yield every contestant once in each round, and print it; each round begins with the next contestant."""
    for number in range(rounds):
        first = number % len(contestants)
        for contestant in (*contestants[first:], *contestants[:first]):
            print(f"→ {title}round {number + 1} of {rounds}: {contestant.name}", flush=True)
            yield contestant
