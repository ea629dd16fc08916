"""A join, run: the right is held and indexed, the left passes by batch by batch, and a table comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import pyarrow as pa

from layers.columns.places import geometries_of
from layers.columns.session import ColumnSession
from layers.columns.shape import Column, ColumnShape, shape_of
from layers.coordinates.crs import CRS84
from layers.errors import TooMuch
from server.joins.request import JoinRequest
from server.joins.row_bytes import row_bytes
from twin.executions.progress import tell_progress
from twin.joins.match import Matcher, Pairs
from twin.joins.measure import Tally

LEFT_MAX = 5_000_000
RIGHT_MAX = 200_000
PAIRS_MAX = 1_000_000
COUNTED_MAX = 50_000_000
"""Pairs that are counted up and not kept."""
SECONDS_MAX = 60
_HELD_PERCENT = 20
BYTES_MAX = 512 * 1024 * 1024
"""Bytes of the right side, and of the pairs."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A join's rows, and how many features of each side they tell of."""

    shape: ColumnShape
    table: pa.Table
    left: int
    right: int


@dataclass(slots=True)
class JoinRun:
    """One run of a join, in a thread.

    Parameters
    ----------
    left, right
        The statements of the sides, with the columns of `left_shape` and `right_shape`.
    """

    request: JoinRequest
    session: ColumnSession
    left: str
    right: str
    _until: float = field(default_factory=lambda: monotonic() + SECONDS_MAX)
    _met: int = 0

    def run(self) -> Joined:
        """Return the rows.

        Raises
        ------
        TooMuch
            When a side, the pairs, their bytes or the time are more than is allowed, or the join was cut.
        BadInput, Unavailable
            As the database says.
        """
        held = self._hold()
        matcher = Matcher(geometries_of(_joined(held, right_shape(self.request))), self.request.rule)
        return self._counted(held, matcher) if self.request.measures else self._paired(held, matcher)

    def _go_on(self) -> None:
        """Raise when the time is over, or nobody waits any more."""
        if self.session.is_cancelled:
            raise TooMuch("the join was cut before its end")
        if monotonic() > self._until:
            raise TooMuch(f"the join takes longer than {SECONDS_MAX} s; take fewer features of either side")

    def _hold(self) -> pa.RecordBatch:
        shape = right_shape(self.request)
        kept: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in self.session.batches(self.right, shape.schema):
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows > RIGHT_MAX or size > BYTES_MAX:
                raise TooMuch(
                    f"the right side has more than {RIGHT_MAX:,} features, or too many vertices; exchange the sides or "
                    "take fewer by right-filter or right-bbox",
                    parameter="right",
                )
            self._go_on()
            tell_progress(_HELD_PERCENT, f"读右侧 reads the right side: {rows:,}")
            kept.append(batch)
        return pa.concat_batches(kept) if kept else pa.RecordBatch.from_pylist([], schema=shape.schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in self.session.batches(self.left, left_shape(self.request).schema):
            rows += batch.num_rows
            if rows > LEFT_MAX:
                raise TooMuch(
                    f"the left side has more than {LEFT_MAX:,} features; take fewer by left-filter", parameter="left"
                )
            self._go_on()
            yield batch
            self._tell(rows)

    def _tell(self, rows: int) -> None:
        """Tell how far the left side is, of the features that its reader may know of."""
        every = self.request.left.layer.seen_by(self.request.left.actor).row_count
        done = rows / every if every else 0.5
        tell_progress(_HELD_PERCENT + (95 - _HELD_PERCENT) * min(1.0, done), f"匹配 matches the left side: {rows:,}")

    def _pairs(self, matcher: Matcher, batch: pa.RecordBatch, most: int) -> Iterator[Pairs]:
        """Yield the pairs of a batch of the left, part by part, up to a number for all batches."""
        for pairs in matcher.pairs(geometries_of(batch.columns[-1])):
            self._met += len(pairs)
            if self._met > most:
                advice = "" if self.request.measures else ", or aggregate=count"
                raise TooMuch(
                    f"the join has more than {most:,} pairs; take fewer features of either side{advice}",
                    parameter="how",
                )
            self._go_on()
            if len(pairs):
                yield pairs

    def _counted(self, held: pa.RecordBatch, matcher: Matcher) -> Joined:
        request = self.request
        tally = Tally(request.measures, held.num_rows)
        for batch in self._batches():
            values = {name: batch.column(name) for name in request.measured}
            for pairs in self._pairs(matcher, batch, COUNTED_MAX):
                tally.add(pairs.left, pairs.right, values)
        own = shape_of(request.right)
        columns = [Column(one.name, pa.int64() if one.field is None else pa.float64()) for one in request.measures]
        shape = ColumnShape((*own.columns[:-1], *columns, own.columns[-1]), own.geometry_type, own.crs)
        columns_of_right = held.columns[: len(own.columns)]
        counted = [tally.column(one) for one in request.measures]
        table = pa.Table.from_arrays([*columns_of_right[:-1], *counted, columns_of_right[-1]], schema=shape.schema)
        return Joined(shape, table, 0, table.num_rows)

    def _paired(self, held: pa.RecordBatch, matcher: Matcher) -> Joined:
        shape = self._pair_shape()
        shown = held.select(list(range(len(shape_of(self.request.right).columns) - 1)))
        of_right, of_left = row_bytes(shown), list(range(len(shape_of(self.request.left).columns)))
        parts: list[pa.Table] = []
        left = size = 0
        met = np.zeros(held.num_rows, bool)
        for batch in self._batches():
            found = list(self._pairs(matcher, batch, PAIRS_MAX))
            if not found:
                continue
            pairs = Pairs.together(found)
            size += int(row_bytes(batch)[pairs.left].sum() + of_right[pairs.right].sum())
            if size > BYTES_MAX:  # before they are copied
                raise TooMuch(
                    f"the pairs take more than {BYTES_MAX // 2**20} MiB, for each has the properties and the place of "
                    "its features; take fewer by left-properties and right-properties, or aggregate=count",
                    parameter="left-properties",
                )
            parts.append(_rows(shape, batch.select(of_left), shown, pairs))
            left += len(np.unique(pairs.left))
            met[pairs.right] = True
        table = pa.concat_tables(parts) if parts else shape.schema.empty_table()
        return Joined(shape, table, left, int(met.sum()))

    def _pair_shape(self) -> ColumnShape:
        left, right = shape_of(self.request.left), shape_of(self.request.right)
        columns = [Column(f"left_{one.name}", one.type, facts=one.facts) for one in left.columns[:-1]]
        columns += [Column(f"right_{one.name}", one.type, facts=one.facts) for one in right.columns[:-1]]
        if self.request.rule.measures:
            columns.append(Column("distance_m", pa.float64(), facts={"unit": "m"}))
        return ColumnShape((*columns, left.columns[-1]), left.geometry_type, left.crs)


def _rows(shape: ColumnShape, batch: pa.RecordBatch, shown: pa.RecordBatch, pairs: Pairs) -> pa.Table:
    of_left, of_right = batch.take(pa.array(pairs.left)), shown.take(pa.array(pairs.right))
    columns = [*of_left.columns[:-1], *of_right.columns]
    if pairs.distance_m is not None:
        columns.append(pa.array(np.round(pairs.distance_m, 3)))
    return pa.Table.from_arrays([*columns, of_left.columns[-1]], schema=shape.schema)


def left_shape(request: JoinRequest) -> ColumnShape:
    """Return the columns that are read of the left: those that are shown, or those that are counted up; and places."""
    shape = shape_of(request.left)
    if not request.measures:
        return _joinable(shape)
    wanted = [one for one in shape.columns[:-1] if one.name in request.measured]
    return ColumnShape((*wanted, shape.columns[-1]), shape.geometry_type, CRS84)


def right_shape(request: JoinRequest) -> ColumnShape:
    """Return the columns that are read of the right: those that are shown, and the places to join by if they differ."""
    return _joinable(shape_of(request.right))


def _joinable(shape: ColumnShape) -> ColumnShape:
    """Return columns with the places as they are stored last, by which the sides are joined."""
    if shape.crs == CRS84:
        return shape
    stored = Column("_joined_by", pa.binary(), "ST_AsBinary(f.geom, 'NDR')")
    return ColumnShape((*shape.columns, stored), shape.geometry_type, shape.crs)


def _joined(held: pa.RecordBatch, shape: ColumnShape) -> pa.Array:
    return held.column(len(shape.columns) - 1)
