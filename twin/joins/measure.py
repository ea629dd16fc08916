"""What a join says of the features that meet one: how many, and the sum, mean, least and most of a number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from layers.errors import BadInput

_FORM = re.compile(r"(count|sum|mean|min|max)(?:\(([a-z][a-z0-9_]{0,62})\))?")
_MEASURES_MAX = 20


type Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class JoinMeasure:
    """One measure; `field` is None for the number of features."""

    kind: str
    field: str | None = None

    @property
    def name(self) -> str:
        """The name of its column."""
        return self.kind if self.field is None else f"{self.kind}_{self.field}"


def read_measures(text: str, numbers: Sequence[str]) -> tuple[JoinMeasure, ...]:
    """Read ``count,mean(value)``.

    Parameters
    ----------
    numbers
        The fields with numbers that the reader may see in full.

    Raises
    ------
    BadInput
        For anything else; the message says what is allowed.
    """
    found = []
    for part in text.split(","):
        match = _FORM.fullmatch(part.strip())
        if match is None or (match[1] == "count") != (match[2] is None) or (match[2] and match[2] not in numbers):
            raise BadInput(
                f"aggregate names '{part.strip()[:80]}'; allowed are count, and sum, mean, min or max of "
                f"{', '.join(numbers) or 'no field: this layer has no numbers'}, as in count,mean(value)",
                parameter="aggregate",
            )
        found.append(JoinMeasure(match[1], match[2]))
    if len(found) > _MEASURES_MAX or len(set(found)) < len(found):
        raise BadInput(
            f"aggregate names {len(found)} measures; {_MEASURES_MAX} are allowed, each once", parameter="aggregate"
        )
    return tuple(found)


class Tally:
    """The measures of each feature on the right, while the left comes batch by batch.

    Parameters
    ----------
    size
        Number of features on the right.
    """

    def __init__(self, measures: Sequence[JoinMeasure], size: int) -> None:
        self._fields = sorted({one.field for one in measures if one.field is not None})
        self._count = np.zeros(size, np.int64)
        self._known = {name: np.zeros(size, np.int64) for name in self._fields}
        self._sum = {name: np.zeros(size) for name in self._fields}
        self._least = {name: np.full(size, np.inf) for name in self._fields}
        self._most = {name: np.full(size, -np.inf) for name in self._fields}

    def add(self, left: Places, right: Places, values: Mapping[str, pa.Array]) -> None:
        """Add pairs; `values` are the columns of the left batch, nulls are left out."""
        np.add.at(self._count, right, 1)  # no bincount: parts are many and may be of few pairs
        for name in self._fields:
            numbers: npt.NDArray[np.float64] = values[name].cast(pa.float64()).to_numpy(zero_copy_only=False)[left]
            known = ~np.isnan(numbers)
            numbers, of = numbers[known], right[known]
            np.add.at(self._known[name], of, 1)
            np.add.at(self._sum[name], of, numbers)
            np.minimum.at(self._least[name], of, numbers)
            np.maximum.at(self._most[name], of, numbers)

    def column(self, measure: JoinMeasure) -> pa.Array:
        """Return a measure of every feature on the right, in order; null where no value is known."""
        if measure.field is None:
            return pa.array(self._count)
        known = self._known[measure.field]
        values = {"sum": self._sum, "min": self._least, "max": self._most}
        if measure.kind == "mean":
            numbers = self._sum[measure.field] / np.maximum(known, 1)
        else:
            numbers = values[measure.kind][measure.field]
        return pa.array(numbers, mask=known == 0)
