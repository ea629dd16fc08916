"""Temporal primitives, of which OGC Moving Features make movements and properties: values with their times.

A track and a series are cut where nothing was heard, and at local midnights: so a primitive is the same whatever span
is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.history.track import Track

DAY_S = 86_400.0
_LOCAL_S = 28_800.0  # ahead of UTC: China has had no summer time since 1991
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class TemporalPrimitive:
    """Values at growing times without a gap, on one local day.

    Attributes
    ----------
    times_s
        `[n]` seconds since 1970, growing; `n` is 1 or more.
    values
        `[n, 2]` degrees, `[n]` numbers, or `[n]` texts.
    is_linear
        Whether values between two times lie on the line between theirs; otherwise nothing is said of the time between.
    """

    times_s: npt.NDArray[np.float64]
    values: npt.NDArray[Any]
    is_linear: bool

    def meets(self, first_s: float, last_s: float) -> bool:
        """Whether it has a part in a closed interval."""
        if self.is_linear:
            return bool(self.times_s[0] <= last_s and self.times_s[-1] >= first_s)
        return bool(((self.times_s >= first_s) & (self.times_s <= last_s)).any())

    def between(self, first_s: float, last_s: float) -> TemporalPrimitive | None:
        """Return the part in a closed interval, with values on its lines where it is cut; None when there is none."""
        if not self.meets(first_s, last_s):
            return None
        inside = (self.times_s >= first_s) & (self.times_s <= last_s)
        if not self.is_linear:
            return TemporalPrimitive(self.times_s[inside], self.values[inside], is_linear=False)
        ends = max(first_s, self.times_s[0]), min(last_s, self.times_s[-1])
        times = np.unique(np.concatenate([ends, self.times_s[inside]]))
        return TemporalPrimitive(times, self._on_lines(times), is_linear=len(times) > 1)

    def at(self, times_s: npt.NDArray[np.float64]) -> TemporalPrimitive | None:
        """Return the values at some growing times; None when it has no value at any of them."""
        if self.is_linear:
            known = times_s[(times_s >= self.times_s[0]) & (times_s <= self.times_s[-1])]
            return TemporalPrimitive(known, self._on_lines(known), is_linear=False) if len(known) else None
        held = np.isin(np.round(self.times_s * _MICRO), np.round(times_s * _MICRO))
        return TemporalPrimitive(self.times_s[held], self.values[held], is_linear=False) if held.any() else None

    def _on_lines(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.values.ndim == 1:
            found: npt.NDArray[np.float64] = np.interp(times_s, self.times_s, self.values)
            return found
        axes = range(self.values.shape[1])
        return np.column_stack([np.interp(times_s, self.times_s, self.values[:, axis]) for axis in axes])


def movements_of(track: Track) -> list[TemporalPrimitive]:
    """Return where a feature was."""
    return [_primitive(track.times_s[part], track.lonlat[part]) for part in _parts(track)]


def numbers_of(track: Track, name: str, *, is_linear: bool) -> list[TemporalPrimitive]:
    """Return a number that a track has, where it is known."""
    values = track.measured[name]
    found = []
    for part in _parts(track):
        known = ~np.isnan(values[part])
        if known.any():
            found.append(_primitive(track.times_s[part][known], values[part][known], is_linear=is_linear))
    return found


def values_of(rows: Sequence[Mapping[str, Any]], *, is_text: bool) -> list[TemporalPrimitive]:
    """Return raw values of a series (`twin.history.series.MeasuredSeries.values`), of which one kind is told."""
    told = [row for row in rows if row.get("text" if is_text else "value") is not None]
    times = np.array([row["time"].timestamp() for row in told], dtype=np.float64)
    values = np.array([row["text" if is_text else "value"] for row in told], dtype=object if is_text else np.float64)
    parts = _days(times, slice(0, len(times))) if told else ()
    return [TemporalPrimitive(times[part], values[part], is_linear=False) for part in parts]


def _primitive(
    times_s: npt.NDArray[np.float64], values: npt.NDArray[np.float64], *, is_linear: bool = True
) -> TemporalPrimitive:
    return TemporalPrimitive(times_s, values, is_linear=is_linear and len(times_s) > 1)


def _parts(track: Track) -> Iterator[slice]:
    for piece in track.pieces:
        yield from _days(track.times_s, piece)


def _days(times_s: npt.NDArray[np.float64], piece: slice) -> Iterator[slice]:
    """Yield the parts of a piece on one local day each."""
    days = np.floor((times_s[piece] + _LOCAL_S) / DAY_S)
    begins = (np.flatnonzero(np.diff(days)) + 1 + piece.start).tolist()
    yield from (slice(first, last) for first, last in pairwise((piece.start, *begins, piece.stop)))


def whole_days(first_s: float, last_s: float) -> tuple[float, float]:
    """Return the beginning of the local day of one time and the end of that of another, in seconds since 1970."""
    first, last = (np.floor((moment + _LOCAL_S) / DAY_S) * DAY_S - _LOCAL_S for moment in (first_s, last_s))
    return float(first), float(last) + DAY_S
