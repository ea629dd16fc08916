"""Counts by area, asked of the database."""

from __future__ import annotations

import asyncpg

from layers.catalog import Catalog
from twin.aggregate import Question, counted, past, statement
from twin.aggregate_answer import Counts
from twin.aggregate_areas import areas_clause, cells_clause
from twin.aggregate_rolled import is_rolled, rolled_counts, rolled_past


async def count_by_area(
    connection: asyncpg.Connection, catalog: Catalog, question: Question, *, with_geometry: bool
) -> Counts:
    """Count features by area, the empty areas included.

    Raises
    ------
    NotFound
        When the actor may not see the layer of the areas.
    TooMuch
        When there would be too many cells.
    """
    by = question.by
    if by.layer_id is None:
        areas = await cells_clause(connection, by)
    else:
        areas = areas_clause(by, catalog, question.actor)
    if is_rolled(question):
        counts, baseline = rolled_counts(question), rolled_past(question)
    else:
        counts, baseline = counted(question), past(question)
    text, values = statement(question, areas, counts, baseline, with_geometry=with_geometry).render()
    *rows, total = await connection.fetch(text, *values)
    return Counts(rows, total["count"])
