"""A layer, or a part of it: asked for lazily, and read, counted, followed and drawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from twin.client.columns import needed, read_batches, to_frame
from twin.client.drawn import ROWS_MAX, drawn_features, geometries_of
from twin.client.joins import JoinKind, box_around, join_frames
from twin.client.live import changes
from twin.client.past import FeatureHistory
from twin.client.picture import Picture, draw
from twin.client.question import LayerQuestion, Moment, instant

if TYPE_CHECKING:
    import geopandas

    from twin.client.widget import TwinMap

_OF_A_SIDE = ("filter", "filter-crs", "bbox", "bbox-crs", "datetime")
"""Parameters that narrow a side of a join."""


class LayerSelection(FeatureHistory):
    """Rows and columns of a layer.

    It is immutable and lazy: each method that narrows it returns another one, and nothing is asked before a method that
    reads. Methods that read also take what narrows, so that one line does: ``twin["grids"].to_geopandas(bbox=…)``.
    """

    __slots__ = ()

    def aggregate(
        self, by: str = "grid", *, begin: Moment | None = None, end: Moment | None = None, **narrower: Any
    ) -> geopandas.GeoDataFrame:
        """Return how many rows are in each area, with rates, empty areas too.

        Parameters
        ----------
        by
            ``grid``, ``community``, ``street``, ``district``, ``urban_village``, ``h3:8``, ``square:500``; the ids of
            the layers (``grids``) are understood too.
        begin, end
            A span of the layer's time, with which a baseline of the last eight weeks comes.

        Raises
        ------
        BadRequest
            For areas that cannot be counted by, or conditions other than `where`.
        ImportError
            When geopandas is not installed.
        """
        from twin.client.features import to_geodataframe  # noqa: PLC0415  # geopandas is an extra

        asked = self._narrowed(**narrower).question
        if asked.bbox or asked.period:
            raise ValueError("aggregate counts by area and by begin and end; bbox and during narrow nothing here")
        parameters = {
            "layer": self.layer,
            "by": _one_of(by),
            "from": None if begin is None else instant(begin),
            "to": None if end is None else instant(end),
            "at": asked.moment,
            "basis": asked.basis,
            "filter": asked.filter,
            "filter-crs": asked.parameters()["filter-crs"],
            "f": "geojson",
            "answer_crs": asked.datum,
        }
        return to_geodataframe(self._transport.json("/twin/aggregate", parameters), asked.datum)

    def join(
        self,
        other: str | LayerSelection | geopandas.GeoDataFrame,
        how: JoinKind = "within",
        *,
        within_m: float | None = None,
        aggregate: Sequence[str] = (),
        **narrower: Any,
    ) -> geopandas.GeoDataFrame:
        """Return pairs of these rows and those of another layer, or of a frame of yours, that meet.

        Two layers are joined by the server, and the pairs alone travel; of a frame of yours, the rows around it are
        read and joined here, with the same result.

        Parameters
        ----------
        other
            A layer's id, a selection of this server, or a GeoDataFrame.
        how
            ``within`` and ``intersects`` the other, or ``nearest``: each row with the nearest of the other.
        within_m
            Metres at most, on the ground.
        aggregate
            ``count``, ``mean(x)`` …: instead of pairs, the other layer's rows with what was counted of these.

        Raises
        ------
        BadRequest
            For layers without places, and more pairs than the server joins at once.
        ValueError
            For `aggregate` with a frame: group the pairs. For a frame, of a client in a shifted datum. For
            another layer as of a moment of its own: a join has one moment, which is that of these rows.
        ImportError
            When geopandas is not installed.
        """
        asked = self._narrowed(**narrower)
        other = LayerSelection(self._transport, other, self._everywhere) if isinstance(other, str) else other
        if not isinstance(other, LayerSelection):
            if self.question.datum:
                raise ValueError("a frame does not say its datum: it is joined by a Twin without crs")
            if aggregate:
                raise ValueError("aggregate counts by a layer of the server; group the pairs of a frame by right_id")
            if not (asked.question.bbox or (how == "nearest" and within_m is None)):
                asked = asked.bbox(*box_around(other, within_m))
            return join_frames(asked.to_geopandas(), other, how, within_m)
        parameters = {
            "left": asked.layer,
            "right": other.layer,
            "how": how,
            "within_m": within_m,
            "aggregate": ",".join(aggregate) or None,
            **_sides(asked.question, other.question),
        }
        if aggregate:
            del parameters["left-properties"]  # the left is counted, and not shown
        with self._transport.stream("/twin/join", parameters) as response:
            reader = read_batches(response)
            return to_frame(pa.Table.from_batches(reader, reader.schema))

    @property
    def _everywhere(self) -> LayerQuestion:
        return LayerQuestion(datum=self.question.datum)

    def within(self, other: str | LayerSelection | geopandas.GeoDataFrame, **narrower: Any) -> geopandas.GeoDataFrame:
        """Return these rows that lie in a feature of another layer, or of a frame, with what they lie in.

        Raises
        ------
        BadRequest
            For layers without places.
        ImportError
            When geopandas is not installed.
        """
        return self.join(other, "within", **narrower)

    def live(self, *, since: int | str | None = None, **narrower: Any) -> AsyncIterator[dict[str, Any]]:
        """Return the changes of the layer as they happen, as an asynchronous iterator that resumes by itself.

        `where` and `bbox` hold for changes too.

        Parameters
        ----------
        since
            Begin after the change of this number, or what a snapshot answered (``seq-rights``); None begins with what
            happens from now on.

        Raises
        ------
        ValueError
            For a moment or a period: a stream is of now.
        Gap
            While iterating, when changes were lost or the rights changed: read the state again.

        Examples
        --------
        >>> async for change in twin["events"].live():  # doctest: +SKIP
        ...     print(change["kind"], change["id"])
        """
        asked = self._narrowed(**narrower).question
        if asked.moment or asked.period:
            raise ValueError("a stream is of now; at and during cannot narrow it")
        given = asked.parameters()
        parameters = {name: given[name] for name in ("bbox", "bbox-crs", "filter", "filter-crs", "crs")}
        return changes(self._transport, {"layers": self.layer, **parameters}, since)

    def map(self, *, style: str = "light", live: bool = False, color: str | None = None, **narrower: Any) -> TwinMap:
        """Return a map of the rows that can be moved and clicked, over the server's own map; it needs no other network.

        Parameters
        ----------
        style
            ``light``, ``dark`` or ``print``.
        live
            Follow changes while the map is open.
        color
            A CSS colour of the rows.

        Raises
        ------
        ImportError
            When anywidget is not installed.
        ValueError
            For more than 20,000 rows: narrow them, or draw a picture. For rows narrowed in a shifted datum.
        """
        needed("anywidget")
        from twin.client.widget import TwinMap  # noqa: PLC0415  # anywidget is an extra

        asked = self._narrowed(**narrower).in_degrees()
        features, bounds = drawn_features(asked.to_arrow(limit=ROWS_MAX + 1), color)
        shown = TwinMap(self._transport, style=style, features=features, bounds=bounds)
        if live:
            shown.follow(asked.live())
        return shown

    def explore(self, **narrower: Any) -> TwinMap:
        """Return a map of the rows; the name that geopandas has for it.

        Raises
        ------
        ImportError
            When anywidget is not installed.
        """
        return self.map(**narrower)

    def picture(
        self,
        *,
        style: str = "light",
        color: str = "#d7263d",
        ground: Sequence[str] = (),
        width_px: int = 800,
        **narrower: Any,
    ) -> Picture:
        """Return a still picture of the rows over the server's map, which stays in the notebook's file.

        Parameters
        ----------
        ground
            Layers of the map below; when empty, those of the style.

        Raises
        ------
        ValueError
            For more than 20,000 rows, none with a place, or rows narrowed in a shifted datum.
        """
        asked = self._narrowed(**{"limit": ROWS_MAX + 1, **narrower, "columns": ["id"]}).in_degrees()
        places = geometries_of(asked.to_arrow())
        return draw(self._transport, places, [color] * len(places), width_px=width_px, style=style, ground=ground)


def _sides(left: LayerQuestion, right: LayerQuestion) -> dict[str, Any]:
    """Return the parameters of both sides of a join, and the moment, which is that of the left.

    Raises
    ------
    ValueError
        When the right has a moment of its own.
    """
    if (right.moment, right.basis) not in {(left.moment, left.basis), (None, None)}:
        raise ValueError(f"a join has one moment: the other layer is as of {right.moment}, and this one is not")
    told = {"at": left.moment, "basis": left.basis, "crs": left.datum, "f": "arrow"}
    return {**told, **_side("right", right), **_side("left", left)}


def _side(side: str, question: LayerQuestion) -> dict[str, Any]:
    """Return the parameters of one side of a join; those that are not narrowed show every property."""
    given = question.parameters()
    narrowed = {f"{side}-{name}": given[name] for name in _OF_A_SIDE}
    return {**narrowed, f"{side}-properties": given["properties"] or "*"}


def _one_of(areas: str) -> str:
    """Return how the server names an area of a layer: ``grid`` of ``grids``; other words are left as they are."""
    return f"{areas[:-3]}y" if areas.endswith("ies") else areas.removesuffix("s")
