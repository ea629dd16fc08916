"""The application, asked as a client of the SensorThings API asks it."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode

from layers.actor import Actor
from tests.impersonation import Impersonation
from tests.ogc.service import BASE, Service

ROOT = f"{BASE}/sta/v1.1"
READER = Actor("reader", clearance=2)
ACTORS = {"reader": READER, "public": Actor("public", clearance=1), "all": Actor("all", clearance=4)}


class Sensors(Service):
    """One application over one database; asked by `READER`, unless somebody else is named."""

    def __init__(self, url) -> None:
        super().__init__(url)
        self.app.state.shared = replace(self.app.state.shared, authenticator=Impersonation(ACTORS))

    def get(self, path, actor="reader", **options):
        """Return the answer to an address below the root, with options named without their `$`."""
        query = urlencode({f"${name}": value for name, value in options.items()}, quote_via=quote)
        url = path if path.startswith("http") else f"{ROOT}/{path}" if path else ROOT
        return self.ask(f"{url}?{query}" if query else url, actor=actor)

    def found(self, path, **options):
        """Return the document of an address that answers."""
        answer = self.get(path, **options)
        assert answer.status_code == 200, (path, options, answer.text)
        return answer.json()

    def every(self, path, **options):
        """Return all entities of a set, page by page."""
        page = self.found(path, **options)
        entities = page["value"]
        while "@iot.nextLink" in page:
            page = self.found(page["@iot.nextLink"])
            entities += page["value"]
        return entities
