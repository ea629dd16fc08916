"""Counts by area, asked of the database."""

from __future__ import annotations

import asyncpg

from layers.catalog import Catalog
from twin.aggregate import Question, statement
from twin.aggregate_answer import Counts
from twin.aggregate_areas import areas_clause, cells_clause


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
    text, values = statement(question, areas, with_geometry=with_geometry).render()
    *rows, total = await connection.fetch(text, *values)
    return Counts(rows, total["count"])
