"""Classes of values and their colours, for maps of counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

COLORS = ("#fff3c4", "#fbd06a", "#f49a3f", "#dd5a2b", "#a31f24")  # light to dark: it reads without colour too
NO_VALUE = "#e3e6ea"


@dataclass(frozen=True, slots=True)
class ValueClasses:
    """Values in classes of about equal number.

    Attributes
    ----------
    breaks
        Upper ends of the classes, rising; values above the last break but one are in the last class.
    colors
        A CSS colour for each value given; `NO_VALUE` where it has none.
    """

    breaks: tuple[float, ...]
    colors: tuple[str, ...]

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Colours and the words beside them, from the lowest class on."""
        low, words = None, []
        for color, high in zip(self.used, self.breaks, strict=True):
            words.append((color, f"≤ {high:g}" if low is None else f"{low:g} – {high:g}"))
            low = high
        return words

    @property
    def used(self) -> tuple[str, ...]:
        """The colours of the classes; a single class has the middle one."""
        count = len(self.breaks)
        return (COLORS[2],) if count == 1 else COLORS[: count - 1] + COLORS[-1:] if count else ()


def classify(values: Sequence[Any]) -> ValueClasses:
    """Return classes of values by their quantiles; equal values are in one class.

    Parameters
    ----------
    values
        Numbers; whatever is no finite number (None, a text such as ``<5``) has no value.

    Examples
    --------
    >>> classify([1, 2, 3, 4, 5, None]).breaks
    (1.0, 2.0, 3.0, 4.0, 5.0)
    """
    numbers = np.array([_number(value) for value in values], dtype=float)
    known = numbers[np.isfinite(numbers)]
    if not known.size:
        return ValueClasses((), (NO_VALUE,) * len(numbers))
    steps = np.linspace(0, 1, len(COLORS) + 1)[1:]
    breaks = np.unique(np.quantile(known, steps, method="inverted_cdf"))
    found = ValueClasses(tuple(breaks.tolist()), ())
    at = np.searchsorted(breaks, numbers, side="left")
    colors = tuple(
        found.used[min(place, len(breaks) - 1)] if np.isfinite(number) else NO_VALUE
        for place, number in zip(at.tolist(), numbers.tolist(), strict=True)
    )
    return ValueClasses(found.breaks, colors)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
