"""Who asks in these tests, and the real application to ask."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from layers.actor import OPERATOR, Actor
from tests.databases import run_async, temporary_database
from tests.impersonation import Impersonation
from tests.ogc.service import Service
from tests.readers import INSIDER

ACTORS = {
    "anonymous": INSIDER,
    "operator": OPERATOR,
    "public": Actor("public", clearance=1),
    "officer": Actor("officer", clearance=3, area_prefixes=("440106011001",)),
    "grid_worker": Actor("grid_worker", clearance=3, area_prefixes=("440106011001001",)),
    "neighbour": Actor("neighbour", clearance=3, area_prefixes=("440106099",)),
}


class TwinService(Service):
    """The application over the fixture; its actors are those above."""

    def __init__(self, url) -> None:
        super().__init__(url)
        self.app.state.shared = replace(self.app.state.shared, authenticator=Impersonation(ACTORS))

    def ask(self, path, *, actor="operator", **how):
        """Ask as the operator, unless somebody else is named."""
        return super().ask(path, actor=actor, **how)


@contextmanager
def serving(cluster: str, template: str, *fills: Callable[[str], Coroutine[Any, Any, object]]) -> Iterator[TwinService]:
    """Serve a database that is cloned from a template and filled; each of `fills` takes its URL."""
    with temporary_database(cluster, template) as url:
        for fill in fills:
            run_async(fill(url))
        running = TwinService(url)
        try:
            yield running
        finally:
            running.close()
