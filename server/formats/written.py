"""The two kinds of representations that the fast path writes: text from PostgreSQL, and tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from layers.clause import Clause
from layers.coordinates.crs import Crs
from layers.read.counts import Matched
from layers.read.query import Form, ItemsQuery, table_rows
from server.formats.media import Media


@dataclass(frozen=True, slots=True)
class PageHead:
    """The facts about a page that an envelope may state.

    Attributes
    ----------
    returned
        Number of features on the page.
    links
        Returns the links of the page as JSON; they cost time, so only an envelope with links asks for them.
    watermark
        Who took so much, as members; None for a page that needs none.
    """

    query: ItemsQuery
    matched: Matched
    returned: int
    links: Callable[[], orjson.Fragment]
    watermark: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat(Media):
    """Features as text that PostgreSQL writes; Python adds the envelope.

    Attributes
    ----------
    form
        How PostgreSQL writes a feature.
    separator
        The text between two features.
    """

    form: Form = "geojson"
    separator: str = ","

    def page(self, features: bytes, head: PageHead) -> bytes:  # noqa: ARG002  # an envelope states it
        """Return the body of a page.

        Parameters
        ----------
        features
            The features with separators between them; empty when there are none.
        """
        return features

    def feature(self, feature: bytes, links: Sequence[Mapping[str, str]], crs: Crs) -> bytes:  # noqa: ARG002  # as above
        """Return the body of a single feature, of which PostgreSQL wrote a JSON object."""
        return feature


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat(Media, ABC):
    """Features as rows of a table that Python writes."""

    def statement(self, query: ItemsQuery) -> Clause:
        """Return the statement of the rows, one more than the limit when another page follows.

        Its last column holds the keys of each row, as `layers.read.query.table_rows` returns them.
        """
        return table_rows(query)

    @abstractmethod
    def write(self, names: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
        """Return the table of a page.

        Parameters
        ----------
        names
            The columns of the statement, without the keys.
        rows
            The values of each feature in the order of `names`.
        """
