"""Who asks in these tests, and the real application to ask."""

from __future__ import annotations

from dataclasses import replace

from layers.actor import OPERATOR, Actor
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
