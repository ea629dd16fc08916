"""One visit to the OGC API: the reader, the parameters, and the catalogue of the moment.

pygeoapi calls its plugins without the request, so a context variable carries it. It reaches the worker thread because
`run_in_threadpool` copies the context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from server.formats.media import Media
from server.http.language import LANGUAGES, Language, language_of
from server.items.request import ItemsRequest
from server.state import State

__all__ = ["LANGUAGES", "Language", "Visit", "current_visit", "language_of", "visiting"]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as everything behind the adapter sees it.

    Attributes
    ----------
    named
        The layer in the address; `None` where there is none.
    base
        The address that links start with, without a slash at the end: scheme, host, prefix.
    given
        Query parameters by name, each once.
    body
        The filter of a POST; `None` for GET.
    request
        The checked request for items, which our provider runs; `None` for any other address.
    accept
        The Accept header, for answers other than documents.
    """

    state: State
    actor: Actor
    catalog: Catalog
    named: Layer | None
    media: Media
    language: Language
    base: str
    path: str
    given: dict[str, str]
    body: str | None = None
    request: ItemsRequest | None = None
    accept: str = ""

    @property
    def ogc(self) -> str:
        """Address of the landing page."""
        return f"{self.base}/ogc"

    @property
    def layer(self) -> Layer:
        """The layer in the address.

        Raises
        ------
        LookupError
            When the address has none.
        """
        if self.named is None:
            raise LookupError(f"{self.path} names no layer")
        return self.named

    def title(self, zh: str, en: str) -> str:
        """Return the text in the visit's language; the other one when it is empty."""
        return (zh or en) if self.language == "zh-CN" else (en or zh)


_VISIT: ContextVar[Visit] = ContextVar("onemap_ogc_visit")


def current_visit() -> Visit:
    """Return the visit of the running context.

    Raises
    ------
    LookupError
        Outside of a visit.
    """
    return _VISIT.get()


@contextmanager
def visiting(visit: Visit) -> Iterator[None]:
    """Set the visit of the running context."""
    token = _VISIT.set(visit)
    try:
        yield
    finally:
        _VISIT.reset(token)
