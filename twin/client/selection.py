"""A layer, or a part of it: asked for lazily, and read, counted, followed and drawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from twin.client.columns import needed
from twin.client.drawn import ROWS_MAX, drawn_features, geometries_of
from twin.client.live import changes
from twin.client.past import FeatureHistory
from twin.client.picture import Picture, draw
from twin.client.question import Moment, instant

if TYPE_CHECKING:
    import geopandas

    from twin.client.widget import TwinMap


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
        if asked.bbox_crs84 or asked.period:
            raise ValueError("aggregate counts by area and by begin and end; bbox and during narrow nothing here")
        parameters = {
            "layer": self.layer,
            "by": _AREAS.get(by, by),
            "from": None if begin is None else instant(begin),
            "to": None if end is None else instant(end),
            "at": asked.moment,
            "filter": asked.filter,
            "f": "geojson",
        }
        return to_geodataframe(self._transport.json("/twin/aggregate", parameters))

    def live(self, *, since: int | None = None, **narrower: Any) -> AsyncIterator[dict[str, Any]]:
        """Return the changes of the layer as they happen, as an asynchronous iterator that resumes by itself.

        `where` and `bbox` hold for changes too.

        Parameters
        ----------
        since
            Begin after the change of this number; None begins with what happens from now on.

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
        parameters = asked.parameters()
        return changes(self._transport, {"layers": self.layer} | {n: parameters[n] for n in ("bbox", "filter")}, since)

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
            For more than 20,000 rows: narrow them, or draw a picture.
        """
        needed("anywidget")
        from twin.client.widget import TwinMap  # noqa: PLC0415  # anywidget is an extra

        asked = self._narrowed(**narrower)
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
            For more than 20,000 rows, or none with a place.
        """
        places = geometries_of(self.columns("id").to_arrow(**{"limit": ROWS_MAX + 1, **narrower}))
        return draw(self._transport, places, [color] * len(places), width_px=width_px, style=style, ground=ground)


_AREAS = {
    "grids": "grid",
    "communities": "community",
    "streets": "street",
    "districts": "district",
    "urban_villages": "urban_village",
}
