"""One visit to the OGC API: who came, with what, and the picture of the catalogue that answers.

pygeoapi calls its plugins without any word of the request; a context variable tells them. It goes along into the
worker thread, because `run_in_threadpool` copies the context.
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
        The layer that the address names; `None` where it names none.
    base
        Where links start, without a slash at the end: scheme, host, prefix.
    given
        Query parameters by name, each once.
    body
        The filter of a POST; `None` for GET.
    request
        The checked request for items, which our provider runs; `None` for any other address.
    accept
        The Accept header, for answers that are no documents.
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
        """The layer that the address names.

        Raises
        ------
        LookupError
            When it names none.
        """
        if self.named is None:
            raise LookupError(f"{self.path} names no layer")
        return self.named

    def title(self, zh: str, en: str) -> str:
        """Choose a text by the visit's language; the other one when it is empty."""
        return (zh or en) if self.language == "zh-CN" else (en or zh)


_VISIT: ContextVar[Visit] = ContextVar("onemap_ogc_visit")


def current_visit() -> Visit:
    """Return the visit of the running context.

    Raises
    ------
    LookupError
        Outside of one.
    """
    return _VISIT.get()


@contextmanager
def visiting(visit: Visit) -> Iterator[None]:
    """Make a visit the running context's."""
    token = _VISIT.set(visit)
    try:
        yield
    finally:
        _VISIT.reset(token)
