"""The client's door: a server and its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from twin.client.classes import classify
from twin.client.errors import Missing
from twin.client.operations import Operations
from twin.client.picture import Picture, draw
from twin.client.question import LayerQuestion, datum_of
from twin.client.selection import LayerSelection
from twin.client.transport import Transport, warn_of_the_public

if TYPE_CHECKING:
    import geopandas

GROUND = ("streets", "waterways", "roads")


class Twin(Operations, Mapping[str, LayerSelection]):
    """A OneMap server, as a mapping of its layers.

    Parameters
    ----------
    url
        Its address; None takes ``ONEMAP_URL``, else ``http://127.0.0.1:8000``.
    token
        A token of yours; None takes ``ONEMAP_TOKEN``. Without one you are the public, and a warning says so.
    crs
        ``gcj02`` or ``bd09``: places in questions and in answers are in that shifted datum, and frames have no `crs`,
        because it has no registered name. What cannot be had in it is refused, never answered in another.

    Raises
    ------
    ValueError
        For another `crs`.
    NotYours
        When the token is wrong: at once, and not as missing rows later.
    NotAvailable
        When nobody answers.

    Examples
    --------
    >>> twin = Twin("http://127.0.0.1:8000")  # doctest: +SKIP
    >>> twin.grids.to_geopandas()  # doctest: +SKIP
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, crs: str | None = None) -> None:
        datum = datum_of(crs)
        super().__init__(Transport(url, token), datum)
        try:
            self._titles = self._read_titles()
        except BaseException:
            self._transport.close()
            raise
        if self._transport.token is None:
            warn_of_the_public(self._transport.url)

    def _read_titles(self) -> dict[str, tuple[str, str]]:
        try:
            collections = self._transport.json("/ogc/collections", {"f": "json"})["collections"]
        except Missing as error:
            raise Missing(f"no OneMap answers at {self._transport.url}: take the address of its map") from error
        return {one["id"]: (str(one.get("title", "")), str(one.get("description", ""))) for one in collections}

    def __getitem__(self, layer: str) -> LayerSelection:
        if layer not in self._titles:
            there = f"there are: {', '.join(self._titles)}"
            raise Missing(f"there is no layer {layer!r} here, or not for you{self._meant(layer)}; {there}")
        return LayerSelection(self._transport, layer, LayerQuestion(datum=self._datum))

    def _meant(self, name: str) -> str:
        close = get_close_matches(name, self._titles, 1)
        return f"; did you mean {close[0]!r}?" if close else ""

    def __getattr__(self, name: str) -> LayerSelection:
        if name.startswith("_") or name not in self._titles:
            raise AttributeError(f"{type(self).__name__} has no attribute or layer {name!r}{self._meant(name)}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._titles)

    def __len__(self) -> int:
        return len(self._titles)

    def __contains__(self, layer: object) -> bool:
        return layer in self._titles

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._titles]

    def __repr__(self) -> str:
        return f"Twin({self._transport.url!r}: {', '.join(self._titles)})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(layer)}</code></td><td>{escape(title)}</td><td>{escape(words)}</td></tr>"
            for layer, (title, words) in self._titles.items()
        )
        return f"<table><caption>{escape(self._transport.url)}</caption>{rows}</table>"

    def whoami(self) -> dict[str, Any]:
        """Return who the server takes the caller for, with roles and areas; empty for the public.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        found: dict[str, Any] | None = self._transport.json("/session")["account"]
        return found or {}

    def picture(
        self,
        frame: geopandas.GeoDataFrame,
        column: str | None = None,
        *,
        breaks: Sequence[float] | None = None,
        title: str | None = None,
        style: str = "light",
        ground: Sequence[str] = GROUND,
        color: str = "#d7263d",
        width_px: int = 800,
    ) -> Picture:
        """Return a still picture of a frame of yours over the server's map, with a legend where a column colours it.

        Parameters
        ----------
        column
            Numbers, drawn in classes from light to dark; None draws all in one colour.
        breaks
            Upper ends of the classes, for pictures that are compared; None makes classes of about equal number.
        title
            Above the legend; None is the name of the column.
        ground
            Layers below; those that the caller does not see are left out.

        Raises
        ------
        ValueError
            When no row has a place.
        TwinError
            When the server refuses its map, or is away.
        """
        places = list(frame.geometry.to_crs("OGC:CRS84"))
        values = None if column is None else frame[column].tolist()
        found = None if values is None else classify(values, breaks)
        return draw(
            self._transport,
            places,
            found.colors if found else [color] * len(places),
            width_px=width_px,
            style=style,
            ground=[layer for layer in ground if layer in self],
            title=title or column or "",
            labels=[] if values is None else [str(value) for value in values],
            legend=found.legend if found else (),
        )

    def close(self) -> None:
        """Close the connections; the layers of this server cannot be read afterwards."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
