"""The track of a moving feature: where it was in a span, with the time, speed and heading of each place.

Each place is shown as the feature would have been shown then (`layers/read/past_facts.py`): with the rights of the rows
of that time, in the area where it was, its place masked where the reader sees it so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import numpy as np
import numpy.typing as npt

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose
from layers.coordinates.crs import CRS84
from layers.coordinates.district_crs import to_metres
from layers.errors import BadInput, NotFound, TooMuch
from layers.read.facts import position_fields, throughout
from layers.read.query import single
from layers.read.relation import relation
from layers.read.rights import is_view, plain_fields, scoped, visible_fields
from layers.types import Points
from twin.history.simplify import kept_vertices
from twin.history.span import HistorySpan

SPAN_MAX = timedelta(days=31)
VERTICES_MAX = 200_000
TOLERANCE_M_MAX = 10_000.0
_GAP_S = (
    600.0  # without a position for so long it is not known where something was, where its layer names no other time
)
_NUMBERS = ("speed_kmh", "heading_deg")


@dataclass(frozen=True, slots=True)
class Track:
    """The track of a feature.

    Attributes
    ----------
    times_s
        `[n]` seconds since 1970, growing.
    lonlat
        `[n, 2]` degrees.
    measured
        `[n]` each, NaN where it is not known: `speed_kmh`, `heading_deg`; what the reader does not see is not there.
    edges
        The places where its parts between gaps begin, and its end: 0 first, `n` last.
    """

    times_s: npt.NDArray[np.float64]
    lonlat: Points
    measured: Mapping[str, npt.NDArray[np.float64]]
    edges: tuple[int, ...]

    @property
    def pieces(self) -> list[slice]:
        """The parts between gaps."""
        return [slice(first, last) for first, last in pairwise(self.edges) if first < last]

    def simplified(self, tolerance_m: float) -> Track:
        """Return the track with fewer vertices, which is nowhere farther than the tolerance from where it was then."""
        metres = self._metres()
        kept = np.concatenate(
            [kept_vertices(self.times_s[piece], metres[piece], tolerance_m) for piece in self.pieces]
            or [np.zeros(0, dtype=np.bool_)]
        )
        measured = {name: values[kept] for name, values in self.measured.items()}
        edges = tuple(int(kept[:edge].sum()) for edge in self.edges)
        return Track(self.times_s[kept], self.lonlat[kept], measured, edges)

    @property
    def length_m(self) -> float:
        """Its length in the measuring plane, without the gaps."""
        metres = self._metres()
        return float(sum(np.hypot(*np.diff(metres[piece], axis=0).T).sum() for piece in self.pieces))

    def _metres(self) -> Points:
        metres: Points = to_metres(self.lonlat) if len(self.lonlat) else self.lonlat
        return metres


def check_moves(layer: Layer) -> None:
    """Check that features of a layer move.

    Raises
    ------
    BadInput
        When they do not.
    """
    if layer.definition.motion is None:
        raise BadInput(f"features of '{layer.id}' do not move, so they have no track", parameter="layer")


async def read_track(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, feature_id: str, span: HistorySpan
) -> Track:
    """Read the track of a feature, as far as an actor may see it.

    Raises
    ------
    NotFound
        When there is neither such a feature nor a track that the actor may see.
    Forbidden
        When the actor may not see where features of the layer were.
    TooMuch
        When it has more than `VERTICES_MAX` positions.
    """
    if "\0" in feature_id:
        raise NotFound(f"there is no feature '{feature_id[:80]}' in '{layer.id}'", parameter="id")
    past = throughout(layer, actor, "position", span.start, span.end, span.known_at, of_few=True)
    names = _numbers(past, actor)
    text, values = positions_of(past, actor, feature_id, names).render()
    row = await connection.fetchrow(text, *values)
    if not row["n"]:
        await _must_exist(connection, layer, actor, feature_id)
    if row["n"] > VERTICES_MAX:
        raise TooMuch(f"the track has more than {VERTICES_MAX} positions; ask for less time", parameter="from")
    packed = {name: value for name, value in row.items() if name != "n"}
    columns = {name: np.frombuffer(value or b"", dtype=">f8").astype(np.float64) for name, value in packed.items()}
    lonlat = np.column_stack([columns.pop("lon"), columns.pop("lat")])
    return _track(columns.pop("time"), lonlat, columns, _gap_s(layer))


def positions_of(past: Layer, actor: Actor, feature_id: str, numbers: Mapping[str, str]) -> Clause:
    """Build the statement of a track: one row with `n` and, as bytes of doubles, `time`, `lon`, `lat` and numbers.

    In no order: many numbers are sorted sooner in memory.

    Parameters
    ----------
    past
        The layer throughout a span (`layers.read.facts.throughout`).
    numbers
        Expressions of further columns by name.
    """
    shown = {field.definition.name: field.expression for field in visible_fields(past, actor)}
    time = shown[position_fields(past.definition)["phenomenon_time"]]
    x, y = ("ST_X(f.geom)", "ST_Y(f.geom)") if is_view(past, actor) else ("f._lon_now", "f._lat_now")  # the true place
    columns = {"time": f"date_part('epoch', {time})", "lon": x, "lat": y, **numbers}
    one = Clause(f"f.id = ?0::text AND {x} IS NOT NULL", (feature_id,))
    inner = compose(
        f"""SELECT {", ".join(f"({value})::float8 AS {name}" for name, value in columns.items())}
        FROM {{}} WHERE {{}} LIMIT {VERTICES_MAX + 1}""",
        relation(past, actor, one),
        scoped(past, actor, one),
    )
    packed = ", ".join(f"string_agg(float8send(coalesce(v.{name}, 'NaN')), '') AS {name}" for name in columns)
    return compose(f"SELECT count(*) AS n, {packed} FROM ({{}}) AS v", inner)


def _numbers(past: Layer, actor: Actor) -> dict[str, str]:
    """Return the expressions of speed and heading, as far as they are shown as numbers."""
    fields = position_fields(past.definition)
    shown = plain_fields(past, actor)
    return {what: shown[fields[what]].expression for what in _NUMBERS if fields[what] in shown}


async def _must_exist(connection: asyncpg.Connection, layer: Layer, actor: Actor, feature_id: str) -> None:
    text, values = single(layer, actor, feature_id, CRS84).render()
    if await connection.fetchval(text, *values) is None:
        raise NotFound(f"there is no feature '{feature_id[:80]}' in '{layer.id}'", parameter="id")


def _gap_s(layer: Layer) -> float:
    stale = (field.live for field in layer.definition.fields if field.live and field.live.position == "stale")
    return next((float(live.stale_after_s) for live in stale), _GAP_S)


def _track(
    times_s: npt.NDArray[np.float64], lonlat: Points, measured: Mapping[str, npt.NDArray[np.float64]], gap_s: float
) -> Track:
    """Return a track with one vertex of each time: times that are shown roughly are equal."""
    order = np.lexsort((lonlat[:, 1], lonlat[:, 0], times_s))
    kept = order[np.diff(times_s[order], prepend=-np.inf) > 0]
    times_s, lonlat = times_s[kept], lonlat[kept]
    gaps = (np.flatnonzero(np.diff(times_s) > gap_s) + 1).tolist()
    return Track(times_s, lonlat, {name: values[kept] for name, values in measured.items()}, (0, *gaps, len(times_s)))


def as_feature(track: Track, layer_id: str, feature_id: str, head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the track as a GeoJSON feature of arrays: a line, several over gaps, a point, or no geometry.

    `times` and the numbers have the shape of the coordinates: an array for each line. orjson writes arrays without
    making objects of their numbers, and NaN as null.
    """
    pieces = track.pieces
    lines = [np.round(track.lonlat[piece], 7) for piece in pieces]
    times = (track.times_s * 1000).round().astype("datetime64[ms]")
    lists: dict[str, list[Any]] = {"times": [times[piece] for piece in pieces]}
    lists |= {name: [np.round(values[piece], 2) for piece in pieces] for name, values in track.measured.items()}
    several = len(pieces) > 1
    properties = {"layer": layer_id, **head, "vertices": len(track.times_s), "length_m": round(track.length_m, 1)}
    properties |= {name: some if several else (some[0] if some else []) for name, some in lists.items()}
    return {"type": "Feature", "id": feature_id, "geometry": _geometry(lines), "properties": properties}


def _geometry(lines: Sequence[Points]) -> dict[str, Any] | None:
    if not lines:
        return None
    if len(lines) == 1:
        (line,) = lines
        return (
            {"type": "Point", "coordinates": line[0]} if len(line) == 1 else {"type": "LineString", "coordinates": line}
        )
    return {
        "type": "MultiLineString",
        "coordinates": [line if len(line) > 1 else np.repeat(line, 2, axis=0) for line in lines],
    }


def _moments(times_s: npt.NDArray[np.float64]) -> list[str]:
    texts = np.datetime_as_string((times_s * 1000).round().astype("datetime64[ms]"), timezone="UTC")
    return [str(text) for text in texts]


def _plain(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if number != number else round(number, 2) for number in values.tolist()]  # noqa: PLR0124  # NaN


def as_rows(track: Track) -> list[dict[str, Any]]:
    """Return the vertices one by one: `time`, `lon`, `lat` and numbers."""
    columns: dict[str, Sequence[Any]] = {"time": _moments(track.times_s)}
    columns |= {name: np.round(track.lonlat[:, axis], 7).tolist() for axis, name in enumerate(("lon", "lat"))}
    columns |= {name: _plain(values) for name, values in track.measured.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
