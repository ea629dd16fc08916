"""Classes of values and their colours, for maps of counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

COLORS = ("#fff3c4", "#fbd06a", "#f49a3f", "#dd5a2b", "#a31f24")  # light to dark: it reads without colour too
NO_VALUE = "#c9d0d8"

type Numbers = npt.NDArray[np.float64]


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
            words.append((color, f"≤ {_short(high)}" if low is None else f"{_short(low)} – {_short(high)}"))
            low = high
        return words

    @property
    def used(self) -> tuple[str, ...]:
        """The colours of the classes; a single class has the middle one."""
        count = len(self.breaks)
        return (COLORS[2],) if count == 1 else COLORS[: count - 1] + COLORS[-1:] if count else ()


def classify(values: Sequence[Any], breaks: Sequence[float] | None = None) -> ValueClasses:
    """Return classes of values; equal values are in one class.

    Parameters
    ----------
    values
        Numbers; whatever is no finite number (None, a text such as ``<5``) has no value.
    breaks
        Upper ends of at most five classes, rising, for pictures that are compared; None takes quantiles.

    Raises
    ------
    ValueError
        When there are no breaks or too many, or they do not rise.

    Examples
    --------
    >>> classify([1, 2, 3, 4, 5, None]).breaks
    (1.0, 2.0, 3.0, 4.0, 5.0)
    """
    numbers = np.array([_number(value) for value in values], dtype=float)
    ends = _quantiles(numbers[np.isfinite(numbers)]) if breaks is None else _checked(breaks)
    if not ends.size:
        return ValueClasses((), (NO_VALUE,) * len(numbers))
    found = ValueClasses(tuple(ends.tolist()), ())
    at = np.searchsorted(ends, numbers, side="left")
    colors = tuple(
        found.used[min(place, len(ends) - 1)] if np.isfinite(number) else NO_VALUE
        for place, number in zip(at.tolist(), numbers.tolist(), strict=True)
    )
    return ValueClasses(found.breaks, colors)


def _quantiles(known: Numbers) -> Numbers:
    if not known.size:
        return known
    ends: Numbers = np.quantile(known, np.linspace(0, 1, len(COLORS) + 1)[1:], method="inverted_cdf")
    return np.unique(ends)


def _checked(breaks: Sequence[float]) -> Numbers:
    ends = np.array(breaks, dtype=float)
    if not 1 <= len(ends) <= len(COLORS) or (np.diff(ends) <= 0).any():
        raise ValueError(f"breaks is {list(breaks)}; allowed are one to {len(COLORS)} numbers that rise")
    return ends


def _short(number: float) -> str:
    """Return a number with three digits that count, or whole."""
    return f"{number:,.0f}" if abs(number) >= 100 or number == round(number) else f"{number:.3g}"


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
