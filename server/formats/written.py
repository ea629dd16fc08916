"""Representations whose features PostgreSQL writes as text; Python adds an envelope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from layers.coordinates.crs import Crs
from layers.read.counts import Matched
from layers.read.query import Form, ItemsQuery
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
