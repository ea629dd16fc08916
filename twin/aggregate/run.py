"""Counts by area, read from the database."""

from __future__ import annotations

from dataclasses import replace

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from layers.clause import EMPTY
from twin.aggregate.answer import Counts
from twin.aggregate.areas import areas_clause, bins_clause, cells_clause, codes_clause, read_cells
from twin.aggregate.question import Question, compared, counted, past, statement
from twin.aggregate.rolled import is_rolled, rolled_counts, rolled_past
from twin.aggregate.steps import steps_clause
from twin.aggregate.suppression import Counting


async def count_allowed(
    connection: asyncpg.Connection,
    catalog: Catalog,
    question: Question,
    allowed: Counting,
    reader: Actor,
    *,
    with_geometry: bool,
) -> Counts:
    """Count features by area as far as somebody may; at one moment with what he may read of them himself.

    Raises
    ------
    NotFound, TooMuch
        As `count_by_area`.
    """
    if allowed.own is None:
        found = await count_by_area(connection, catalog, question, reader, with_geometry=with_geometry)
        return replace(found, least=allowed.least)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = await count_by_area(connection, catalog, question, reader, with_geometry=with_geometry)
        readable = replace(question, layer=allowed.own.layer, actor=allowed.own.actor)
        own = await count_by_area(connection, catalog, readable, reader, with_geometry=False)
    return replace(found, least=allowed.least, own={row["key"]: row["count"] for row in own.areas})


async def count_by_area(
    connection: asyncpg.Connection, catalog: Catalog, question: Question, reader: Actor, *, with_geometry: bool
) -> Counts:
    """Count features by area, the empty areas included.

    Parameters
    ----------
    reader
        Who sees the areas; the actor of the question may only count.

    Raises
    ------
    NotFound
        When the actor may not see the layer of the areas.
    BadInput
        When counts by time have no span.
    TooMuch
        When there would be too many cells or steps.
    """
    by = question.by
    bins = EMPTY
    if by.kind == "field":
        areas = codes_clause(by, catalog, question.layer)
    elif by.kind == "time":
        areas = steps_clause(question.start, question.end, by.size)
    elif by.layer_id is not None:
        areas = areas_clause(by, catalog, reader, question.layer.moment, with_geometry=with_geometry)
    else:
        cells = await read_cells(connection, by)
        areas = cells_clause(by, cells, with_geometry=with_geometry)
        if by.kind == "h3":
            bins, question = bins_clause(cells), replace(question, bin_deg=cells.bin_deg or 1.0)
    if is_rolled(question):
        counts, baseline = rolled_counts(question), rolled_past(question)
    else:
        counts, baseline = counted(question), past(question)
    text, values = statement(question, areas, bins, counts, baseline, compared(question)).render()
    *rows, total = await connection.fetch(text, *values)
    return Counts(rows, total["count"], measures=tuple(one.name for one in question.measures))
