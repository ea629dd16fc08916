"""What is read of a moving feature: its movements and its properties, by the readers of tracks and series.

Rights, limits and the audit are those of `/twin/features/{layer}/{id}/track` and `/observations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg
from shapely import LineString, Point
from shapely.geometry.base import BaseGeometry

from layers.audit.record import AuditAction
from layers.catalog import Layer
from layers.errors import Forbidden, NotFound, TooMuch
from layers.moment import Moment
from layers.read.facts import position_fields
from layers.read.learned.times import fields_of
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.ogc.moving.request import MovingRequest
from server.ogc.visit import Visit
from twin.history.observed import ObservedSeries, has_past, read_observed
from twin.history.primitives import TemporalPrimitive, movements_of, numbers_of, values_of
from twin.history.series import SeriesQuestion, read_series
from twin.history.track import Track, read_track

_OF_POSITIONS = {
    "speed_kmh": ObservedSeries("speed_kmh", "速度", "Speed", "km/h"),
    "heading_deg": ObservedSeries("heading_deg", "航向", "Heading", "deg"),
}
_LINEAR = {"speed_kmh"}  # a heading passes from 359 to 0, and what is measured may change at any time


@dataclass(slots=True)
class MovingReader:
    """Reads one feature of a moving layer for one visit; its track once."""

    connection: asyncpg.Connection
    visit: Visit
    layer: Layer
    feature_id: str
    asked: MovingRequest
    _read: Track | None = field(default=None, init=False)

    async def movements(self) -> list[TemporalPrimitive]:
        """Return where it was: the movements that the request chooses.

        Raises
        ------
        NotFound, Forbidden, TooMuch
            As `twin.history.track.read_track`.
        """
        shape = self.asked.box.shape if self.asked.box else None
        found = movements_of(await self._track())
        met = [one for one in found if shape is None or shape.intersects(_path(one))]
        return self._chosen(met, self.asked.interval_s(self.layer, self.visit.actor))

    async def properties(self) -> dict[str, ObservedSeries]:
        """Return what is known of it over time, by name: speed and heading, and what it measures.

        Raises
        ------
        NotFound
            When there is no such feature that the actor may see.
        Forbidden
            When the actor may look back on nothing of it.
        """
        try:
            track = await self._track()
        except Forbidden:
            if not await self._has_series():
                raise
            return await self._observed()
        found = {name: one for name, one in _OF_POSITIONS.items() if name in track.measured}
        return found | (await self._observed() if await self._has_series() else {})

    async def values(self, observed: ObservedSeries) -> list[TemporalPrimitive]:
        """Return the values of one of `properties` that the request chooses."""
        if observed is _OF_POSITIONS.get(observed.code):
            track = await self._track()
            linear = observed.code in _LINEAR
            interval = self.asked.interval_s(self.layer, self.visit.actor)
            return self._chosen(numbers_of(track, observed.code, is_linear=linear), interval)
        question = SeriesQuestion(self._past(), self.feature_id, observed.code, self.asked.span, "raw", ())
        with _naming_datetime():
            series = await read_series(self.connection, question, self.visit.actor)
        self._touch_series(observed.code, rows=1)
        interval = self.asked.first.timestamp(), self.asked.last.timestamp()
        return self._chosen(values_of(series.values, is_text=observed.is_text), interval)

    def _chosen(
        self, primitives: Sequence[TemporalPrimitive], interval_s: tuple[float, float]
    ) -> list[TemporalPrimitive]:
        told = (self.asked.chosen(one, interval_s) for one in primitives)
        return [one for one in told if one is not None]

    async def _track(self) -> Track:
        if self._read is not None:
            return self._read
        actor, span = self.visit.actor, self.asked.span
        with _naming_datetime():
            found = await read_track(self.connection, self.layer, actor, self.feature_id, span)
        shown = position_fields(self.layer.definition).values()
        past = layer_at(self.layer, actor, Moment(span.end, "phenomenon"))
        touch(past, actor, feature=self.feature_id, rows=1, action=AuditAction.REPLAY, properties=shown)
        self._read = found
        return found

    def _past(self) -> Layer:
        return layer_at(self.layer, self.visit.actor, Moment(self.asked.span.end, "phenomenon"))

    async def _has_series(self) -> bool:
        try:
            return await has_past(self.connection, self._past(), self.visit.actor, self.feature_id)
        except Forbidden:
            return False

    async def _observed(self) -> dict[str, ObservedSeries]:
        found: Mapping[str, ObservedSeries] = await read_observed(
            self.connection, self._past(), self.visit.actor, self.feature_id
        )
        own = {name: one for name, one in found.items() if name not in _OF_POSITIONS}
        self._touch_series(*own)
        return own

    def _touch_series(self, *codes: str, rows: int | None = None) -> None:
        past = self._past()
        shown = [name for code in codes for name in fields_of(past, code)]
        touch(past, self.visit.actor, feature=self.feature_id, rows=rows, properties=shown)


def check_moves(layer: Layer) -> None:
    """Check that features of a layer move.

    Raises
    ------
    NotFound
        When they do not: such a collection has no movements.
    """
    if layer.definition.motion is None:
        raise NotFound(f"features of '{layer.id}' do not move: there are no tgsequence and tproperties")


def _path(primitive: TemporalPrimitive) -> BaseGeometry:
    places = primitive.values
    return LineString(places) if len(places) > 1 else Point(places[0])


@contextmanager
def _naming_datetime() -> Iterator[None]:
    """Name the parameter of this interface where too much is asked for."""
    try:
        yield
    except TooMuch as error:
        raise TooMuch(error.message, parameter="datetime") from error
