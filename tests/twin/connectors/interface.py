"""A small HTTP interface of records in pages, as a district's platforms have them; it can be told to misbehave."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 10


class Interface:
    """Records with `站号`, `时间` and `雨量`, newest last; `asked` is what it was asked for.

    Attributes
    ----------
    faults
        Functions by page number: given the handler, each answers once instead of the page, in turn.
    before_page
        Called with the page number before a page is made.
    """

    def __init__(self) -> None:
        self.records: list[dict] = []
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: dict[int, list] = {}
        self.before_page = lambda _: None
        self.pages = Counter()

    def answer(self, handler) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        self.asked.append(asked)
        self.headers.append(dict(handler.headers))
        page = int(asked["pageNo"])
        self.pages[page] += 1
        if self.faults.get(page):
            self.faults[page].pop(0)(handler)
            return
        self.before_page(page)
        since = asked.get("from", "")
        found = [record for record in self.records if record["时间"] >= since]
        rows = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        say(handler, 200, json.dumps({"result": {"rows": rows or None if page > 1 else rows}}).encode())


def say(handler, status, body=b"", **headers) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def break_off(handler) -> None:
    """Promise a long page and hang up in the middle of it."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.wfile.write(b'{"result": {"rows": [')
    handler.wfile.flush()
    handler.connection.close()
    handler.close_connection = True


@contextmanager
def serving(interface: Interface, port: int = 0):
    """Serve it in a thread; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            interface.answer(self)

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
