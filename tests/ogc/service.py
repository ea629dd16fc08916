"""The real application in a thread of its own with synchronous calls, with the fast path and without it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import httpx

from layers.database.connection import connect
from layers.schema.tables import create_layer, refresh_statistics
from server.app import create_app
from server.ogc import slow_app
from server.settings import load_settings
from tests.impersonation import ACTOR_HEADER, Impersonation
from tests.ogc.things import ACTORS, LAYERS, rows

BASE = "http://map.test"


class Service:
    """One application over one database."""

    def __init__(self, url, **settings) -> None:
        self.url = url
        self._home = TemporaryDirectory(prefix="onemap-home-")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service", daemon=True)  # a start may fail
        self._thread.start()
        limits = {"anonymous_per_s": 0, "known_per_s": 0, **settings.pop("limits", {})}  # tests ask faster than people
        database = {"url": url, **settings.pop("database", {})}
        self.app = create_app(load_settings(home=self._home.name, database=database, limits=limits, **settings))
        self._lifespan = self.app.router.lifespan_context(self.app)
        self.run(self._lifespan.__aenter__())
        self.app.state.shared = replace(self.app.state.shared, authenticator=Impersonation(ACTORS))
        self._fast, self._slow = (
            httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=BASE)
            for app in (self.app, slow_app(self.app))
        )

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(240)

    def close(self):
        for client in (self._fast, self._slow):
            self.run(client.aclose())
        self.run(self._lifespan.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._home.cleanup()

    def ask(self, path, *, slow=False, actor="anonymous", method="GET", headers=None, content=None, **parameters):
        """Request an address below ``/ogc``; two underscores in a parameter's name stand for a hyphen."""
        named = {name.replace("__", "-"): value for name, value in parameters.items()}
        query = f"{'&' if '?' in path else '?'}{urlencode(named)}" if named else ""
        client = self._slow if slow else self._fast
        sent = {**({ACTOR_HEADER: actor} if actor else {}), "accept": "application/json", **(headers or {})}
        target = path if path.startswith(("http", "/")) else f"/ogc/{path}"
        return self.run(client.request(method, f"{target}{query}", headers=sent, content=content))

    def json(self, path, **how):
        """Return the document of an address that must answer 200."""
        answer = self.ask(path, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, happened):
        """Wait until a condition holds in the application; changes of the catalogue wake it."""
        changed = threading.Event()
        holder = self.app.state.shared.catalog
        listener = changed.set
        holder.on_change.append(listener)
        try:
            for _ in range(4800):
                if happened():
                    return
                changed.wait(0.05)
                changed.clear()
        finally:
            holder.on_change.remove(listener)
        raise AssertionError("the application did not notice")

    def execute(self, statement):
        """Execute statements on a connection of their own."""
        self.run(self._on_connection(lambda connection: connection.execute(statement)))

    def fetch(self, statement, *values):
        """Return the rows of a statement on a connection of its own."""
        return self.run(self._on_connection(lambda connection: connection.fetch(statement, *values)))

    async def _on_connection(self, work):
        connection = await connect(self.url)
        try:
            return await work(connection)
        finally:
            await connection.close()


def fill(url, count):
    """Make the layers of `things` and give each `count` rows."""

    async def work():
        connection = await connect(url)
        try:
            for definition in LAYERS:
                await create_layer(connection, definition)
                await connection.execute(rows(definition), count)
                await refresh_statistics(connection, definition)
        finally:
            await connection.close()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join()
