"""Since when the rows of a layer have been what they were at a moment, for whoever shows them again and again.

A layer of which nothing changed between two moments looks the same at both, and need not be drawn again. What counts
are the times in which rows were known and valid, as `layers.read.past` reads them, and of these the times of rows that
the reader may learn of.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from layers.actor import HIGHEST_GRADE
from layers.catalog import Layer
from layers.definition import GRADE
from layers.layer_rights import LayerRights
from layers.live_source import EVENTS
from layers.read.past import VALID, strictest
from layers.schema.tables import keeps_past, past_of

ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
"""Stands for a time before anything was known."""
TIMES_MAX = 20_000  # of a layer; one that changes more often is drawn anew for each moment
_ROWS_MAX = 500_000  # a layer of more rows is not read for this


@dataclass(frozen=True, slots=True)
class _Times:
    """The times at which rows of a layer changed, sorted, by the clearance 1 to 4 that sees them; None: too many."""

    version: tuple[str, int]
    by_clearance: tuple[list[datetime], ...] | None
    last_start: datetime | None  # when the last row of the table becomes valid; None: all have always been
    first_end: datetime | None  # when the first row of the table ceases to be valid

    def all_valid(self, now: datetime) -> bool:
        """Whether every row of the table is valid now: the present shows the others too, and the past does not."""
        started = self.last_start is None or self.last_start <= now
        return started and (self.first_end is None or self.first_end > now)


@dataclass(slots=True)
class ShownSince:
    """The times of changes of the layers of one process, read once for each version of a layer."""

    _times: dict[str, _Times] = field(default_factory=dict)
    _reading: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def since(
        self, pool: asyncpg.Pool, database: str, layer: Layer, moment: datetime | None, rights: LayerRights
    ) -> datetime | None:
        """Return the time since which a reader sees the same rows of a layer as at a moment.

        Parameters
        ----------
        database
            Identity of the database; a version means nothing in another one.
        layer
            As the catalogue has it, with all of its rows.
        moment
            In UTC; None is the present.
        rights
            Those of the reader at the moment.

        Returns
        -------
        datetime | None
            A moment at which the rows are the same as at the given one, and the same for every moment up to the next
            change; None where that is not known: the layer changes too often, or more than its grade decides whether
            the reader sees a row: he would learn of changes in rows that he does not see.
        """
        if layer.id == EVENTS or layer.row_count > _ROWS_MAX or not (rights.top_grade and rights.is_by_grade):
            return None
        times = await self._of(pool, (database, layer.version), layer)
        now = datetime.now(UTC)
        if times.by_clearance is None or (moment is None and not times.all_valid(now)):
            return None
        seen = times.by_clearance[rights.top_grade - 1]
        place = bisect_right(seen, moment or now)
        return seen[place - 1] if place else ALWAYS

    async def _of(self, pool: asyncpg.Pool, version: tuple[str, int], layer: Layer) -> _Times:
        known = self._times.get(layer.id)
        if known is not None and known.version == version:
            return known
        async with self._reading.setdefault(layer.id, asyncio.Lock()):
            known = self._times.get(layer.id)
            if known is None or known.version != version:
                known = self._times[layer.id] = _times(version, await pool.fetch(_statement(layer)))
        return known


def _times(version: tuple[str, int], rows: list[asyncpg.Record]) -> _Times:
    starts, ends = ([row["at"] for row in rows if row[bound]] for bound in ("starts", "ends"))
    seen = None
    if len(rows) <= TIMES_MAX:
        clearances = range(1, HIGHEST_GRADE + 1)
        seen = tuple([row["at"] for row in rows if row["grade"] <= clearance] for clearance in clearances)
    return _Times(version, seen, max(starts, default=None), min(ends, default=None))


def _statement(layer: Layer) -> str:
    """Build the statement of the times of changes: `at`, the lowest `grade` of what changed, `starts` and `ends`.

    The last two say whether a row of the table becomes valid then, or ceases to be. A replaced row began to be seen
    under its own grade and ended under that of what came after it, so the lower of the two counts for its end.
    """
    graded, valid = GRADE in layer.definition.by_name, set(VALID) <= layer.definition.by_name.keys()
    own = "r.data_grade" if graded else "1"
    parts = [_part("r._known_since", own, layer.table)]
    if valid:
        parts += [_part(f"r.{name}", own, layer.table, bound) for name, bound in zip(VALID, (1, 2), strict=True)]
    if keeps_past(layer.id):
        past = past_of(layer.id)
        then = strictest(layer).removesuffix(" AS data_grade") if graded else "1"
        now = f"(SELECT n.data_grade FROM {layer.table} AS n WHERE n.id = r.id)" if graded else "1"
        parts += [_part("r._known_from", then, past), _part("r._known_to", f"least({then}, {now})", past)]
        parts += [_part(f"r.{name}", then, past) for name in VALID if valid]
    return (
        "SELECT c.at, min(c.grade) AS grade, bool_or(c.bound = 1) AS starts, bool_or(c.bound = 2) AS ends"
        f" FROM ({' UNION ALL '.join(parts)}) AS c WHERE isfinite(c.at) GROUP BY c.at ORDER BY c.at"
        f" LIMIT {TIMES_MAX + 1}"
    )


def _part(column: str, grade: str, table: str, bound: int = 0) -> str:
    return f"SELECT {column}::timestamptz AS at, {grade} AS grade, {bound} AS bound FROM {table} AS r"
