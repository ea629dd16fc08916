"""What is selected of a layer: narrowed step by step, described, and asked for by nothing here but its fields."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from twin.client.question import NARROWERS, LayerQuestion, Moment
from twin.client.transport import Transport


@dataclass(frozen=True, slots=True)
class Selected:
    """A layer, or a part of it.

    Attributes
    ----------
    layer
        Its id.
    question
        What is asked of it.
    """

    _transport: Transport = field(repr=False)
    layer: str
    question: LayerQuestion = field(default_factory=LayerQuestion)

    def where(self, condition: str) -> Self:
        """Return the rows for which a CQL2 text holds as well, for example ``"level >= 3 AND name LIKE '天河%'"``."""
        return self._narrowed(where=condition)

    def bbox(
        self,
        west: float | Sequence[float],
        south: float | None = None,
        east: float | None = None,
        north: float | None = None,
    ) -> Self:
        """Return the rows that touch a box: in degrees, four numbers or one sequence of them.

        Raises
        ------
        ValueError
            When it has not four numbers.
        """
        box = west if isinstance(west, Sized) else [one for one in (west, south, east, north) if one is not None]
        return self._narrowed(bbox=box)

    def at(self, moment: Moment, basis: str | None = None) -> Self:
        """Return the rows as of a moment: as ``known`` then, or as they were by what is known now (``phenomenon``)."""
        return self._narrowed(at=moment, basis=basis)

    def during(self, begin: Moment | None, end: Moment | None) -> Self:
        """Return the rows whose own time is in a period; None leaves an end open."""
        return self._narrowed(during=(begin, end))

    def columns(self, *names: str) -> Self:
        """Return the same rows with these properties alone; the id and the place stay."""
        return self._narrowed(columns=names)

    def sort(self, *names: str) -> Self:
        """Return the rows in an order: property names, with ``-`` before those that fall."""
        return self._narrowed(sort=names)

    def limit(self, rows: int) -> Self:
        """Return the first rows of the order.

        Raises
        ------
        ValueError
            For fewer than one.
        """
        return self._narrowed(limit=rows)

    def in_degrees(self) -> Self:
        """Return the same rows in CRS84, in which maps are drawn.

        Raises
        ------
        ValueError
            When a box or a condition narrows them in a shifted datum.
        """
        if self.question.datum and (self.question.bbox or self.question.conditions):
            raise ValueError(f"what is narrowed in {self.question.datum} cannot be drawn; take a Twin without crs")
        return replace(self, question=replace(self.question, datum=None))

    def _narrowed(self, **narrower: Any) -> Self:
        unknown = sorted(narrower.keys() - NARROWERS)
        if unknown:
            raise TypeError(f"{unknown[0]!r} narrows nothing; what does: {', '.join(NARROWERS)}")
        return replace(self, question=self.question.refined(**narrower))

    def opened(self, form: str) -> AbstractContextManager[httpx.Response]:
        """Open the rows in a form of the server's (``csv``, ``gpkg``, ``flatgeobuf`` …), as bytes that come.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        return self._transport.stream(self._path, self._parameters(form))

    def count(self, **narrower: Any) -> int:
        """Return the number of rows, without reading them.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        if narrower:
            return self._narrowed(**narrower).count()
        found = self._transport.json(self._path, self._parameters("json") | {"resulttype": "hits", "limit": None})
        total = int(found["numberMatched"])
        return total if self.question.rows_max is None else min(total, self.question.rows_max)

    @property
    def url(self) -> str:
        """The address that answers with these rows as GeoJSON."""
        given = {name: value for name, value in self._parameters("json").items() if value is not None}
        return f"{self._transport.url}{self._path}?{urlencode(given)}"

    @property
    def fields(self) -> dict[str, str]:
        """Titles of the fields by name, from the layer's schema.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        found = self._transport.json(f"/ogc/collections/{self.layer}/schema", {"f": "json"})["properties"]
        return {name: str(one.get("title", "")) for name, one in found.items()}

    def __repr__(self) -> str:
        return f"<{self.layer}: {self.url}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(n)}</code></td><td>{escape(t)}</td></tr>" for n, t in self.fields.items()
        )
        return f"<table><caption>{escape(self.layer)}: {self.count():,}</caption>{rows}</table>"

    @property
    def _path(self) -> str:
        return f"/ogc/collections/{self.layer}/items"

    def _parameters(self, form: str) -> dict[str, Any]:
        rows = self.question.rows_max
        everything = "all" if form != "json" else None
        return self.question.parameters() | {"f": form, "limit": rows if rows is not None else everything}
