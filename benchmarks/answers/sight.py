"""Cameras that see a place of the demo, and stretches of its waterways."""

from __future__ import annotations

import random

import asyncpg

from benchmarks.answers.asking import AnswerCase, ask, query
from benchmarks.answers.travel import places
from benchmarks.results import Figure
from benchmarks.rights.callers import InProcess
from layers.schema.tables import table_of

SEEING_MS, STRETCH_MS = 60.0, 100.0
_QUESTIONS = 200


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure cameras seeing, with buildings in the way, and what lies along a kilometre of a waterway."""
    number = max(round(_QUESTIONS * share), 10)
    at = [query({"lon": lon, "lat": lat}) for lon, lat in await places(url, number)]
    seeing = AnswerCase("cameras seeing a place", [f"/twin/cameras-seeing?{one}" for one in at], SEEING_MS)
    along = AnswerCase("a kilometre of a waterway", await _stretches(url, number), STRETCH_MS)
    return [*await ask(app, seeing), *await ask(app, along)]


async def _stretches(url: str, number: int) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            f"""SELECT id, coalesce(chainage_start_m, 0) AS start_m, length_m FROM {table_of("waterways")}
            WHERE length_m > 200 ORDER BY id"""
        )
    finally:
        await connection.close()
    chosen = random.Random(2).choices(rows, k=number)
    return [
        "/twin/waterway-stretch-impact?"
        + query(
            {
                "waterway": row["id"],
                "chainage_from_m": row["start_m"],
                "chainage_to_m": row["start_m"] + min(row["length_m"], 1000),
                "offset_m": 120,
            }
        )
        for row in chosen
    ]
