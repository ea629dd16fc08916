"""One request for items: all that its answer depends on, and the links and headers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from layers.actor import Actor
from layers.catalog import Layer
from layers.coordinates.crs import CRS84, Crs, parse_crs_or_datum
from server.formats.media import Media
from server.formats.table import check_crs, offered
from server.http.caching import cache_control, keep_of
from server.settings import Settings

PREFIX = "/ogc/collections/"


@dataclass(frozen=True, slots=True)
class ItemsCall:
    """A request for items: the layer, the reader and the representation.

    Attributes
    ----------
    feature_id
        The id of a single feature; `None` means a page.
    given
        The query parameters by name.
    body
        The filter of a POST; `None` for GET and HEAD.
    base
        The address that links start with, without a slash at the end.
    """

    layer: Layer
    actor: Actor
    media: Media
    feature_id: str | None
    query_string: str
    given: dict[str, str]
    body: str | None
    base: str

    @property
    def collection_url(self) -> str:
        """Address of the collection."""
        return f"{self.base}{PREFIX}{self.layer.id}"

    @property
    def crs(self) -> Crs:
        """The system of the answer.

        Raises
        ------
        BadInput
            When there is none of this name, or the representation cannot name it.
        """
        if "crs" not in self.given:
            return CRS84
        crs = parse_crs_or_datum(self.given["crs"])
        check_crs(self.media, crs)
        return crs

    def url(self, path: str, **changed: str | None) -> str:
        """Return the address of this call with some parameters changed, or left out where the value is None.

        A POST's filter moves into the parameters, so that its links can be followed with GET.
        """
        parameters = {**self.given, **({"filter": self.body, "filter-lang": self._language} if self.body else {})}
        parameters |= {name.replace("_", "-"): value for name, value in changed.items()}  # type: ignore[misc]
        kept = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.collection_url}{path}" + (f"?{urlencode(kept)}" if kept else "")

    @property
    def _language(self) -> str:
        return self.given.get("filter-lang", "cql2-json")

    def representations(self, path: str) -> list[dict[str, str]]:
        """Return the self link and the links to the other representations."""
        # Encoded once: only `f` differs. No parameter holds a NUL, so the mark is unique.
        before, _, after = self.url(path, f="\0").partition("=%00")
        return [
            {
                "href": f"{before}={media.f}{after}",
                "rel": "self" if media is self.media else "alternate",
                "type": media.type,
                "title": media.title,
            }
            for media in offered(self.layer.definition, single=self.feature_id is not None)
        ]

    def headers(self, crs: Crs, settings: Settings) -> dict[str, str]:
        """Return the headers of every good answer, whatever its body."""
        return {
            "Content-Crs": f"<{crs.named(self.base)}>",
            "Cache-Control": cache_control(keep_of(self.layer), self.actor, settings),
            "Vary": "Accept, Accept-Encoding, Authorization",
            "X-Content-Type-Options": "nosniff",
        }
