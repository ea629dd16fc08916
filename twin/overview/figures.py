"""The figures of a group of indicators: what its statement returns, read by area and by code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import asyncpg

from layers.catalog import Layer
from twin.overview.statement import GroupStatement, ToldIndicator

type FigureValue = int | float | str | None


@dataclass(frozen=True, slots=True)
class IndicatorValue:
    """A number of an indicator.

    Attributes
    ----------
    value
        None where there is nothing to tell it of; ``<5`` for a count that is too small to be shown, ``*`` for one that
        would give such a count away.
    part, whole
        Of a share: the numbers of features.
    observed_at
        The newest observation; None without any.
    """

    value: FigureValue
    part: int | None = None
    whole: int | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IndicatorValues:
    """The figures of one indicator.

    Attributes
    ----------
    below
        By code of the area below; of features in none of them under None.
    by
        By field, and code of it.
    codes
        Ids of the code lists of the fields of `by`.
    below_is_known
        Whether it can be told in which area below a feature lies; then an area that is missing has none.
    partial
        Whether the reader may not see every feature of the layer, so that these are his own numbers.
    """

    told: ToldIndicator
    total: IndicatorValue
    below: Mapping[str | None, IndicatorValue] = field(default_factory=dict)
    by: Mapping[str, Mapping[str | None, IndicatorValue]] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    below_is_known: bool = True
    partial: bool = False


async def read_figures(
    connection: asyncpg.Connection, statement: GroupStatement, layer: Layer, *, partial: bool
) -> Sequence[IndicatorValues]:
    """Run the statement of a group over a layer and return the figures of each of its indicators."""
    text, values = statement.clause.render()
    by_set: dict[int, list[asyncpg.Record]] = {}
    for row in await connection.fetch(text, *values):
        by_set.setdefault(row["sets"], []).append(row)
    found, column = [], 0
    for one in statement.told:
        codes = {name: layer.definition.by_name[name].codes or "" for name in one.by}
        figures = _figures(statement, one, column, by_set)
        found.append(replace(figures, codes=codes, below_is_known=statement.knows_areas, partial=partial))
        column += len(one.columns)
    return found


def _figures(
    statement: GroupStatement, told: ToldIndicator, column: int, by_set: Mapping[int, Sequence[asyncpg.Record]]
) -> IndicatorValues:
    area = statement.fields[0]

    def of(name: str) -> dict[str | None, IndicatorValue]:
        return {row[name]: _figure(told, row, column) for row in by_set.get(statement.set_of(name), ())}

    (everything,) = by_set[statement.set_of(None)]
    by = {name: of(name) for name in told.by}
    return IndicatorValues(told, _figure(told, everything, column), of(area), by)


def _figure(told: ToldIndicator, row: asyncpg.Record, column: int) -> IndicatorValue:
    numbers: list[Any] = [row[f"n{column + n}"] for n in range(len(told.columns))]
    observed_at = numbers.pop() if told.observed is not None else None
    if told.whole is None:
        value = numbers[0]
        return IndicatorValue(round(value, 3) if isinstance(value, float) else value, observed_at=observed_at)
    part, whole = numbers
    return IndicatorValue(round(100 * part / whole, 2) if whole else None, part, whole, observed_at)
