"""A receiver of webhooks in a process of its own: it can be made to fail or to be slow, and be killed.

It writes every batch to a file before it responds, so that received batches survive it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Self

DEADLINE_S = 60


class Receiver:
    """A receiver with a folder: `mood` is how it responds, `heard` holds the received batches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.be("well")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/changes"

    def be(self, mood: str) -> None:
        """Respond so from now on: well, failing (503), slow (waits, then responds), hanging, gone (410)."""
        told = self.folder / "mood.new"
        told.write_text(mood, encoding="ascii")
        told.replace(self.folder / "mood")  # at once: a request in between must not read an empty mood

    def start(self) -> Self:
        """Start it, again on the same port."""
        command = [sys.executable, str(Path(__file__)), str(self.folder), str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())
        return self

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._process.stdout.close()

    def requests(self) -> list[dict]:
        """Return headers and body of every request with a good response, sent or about to be sent."""
        path = self.folder / "heard"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]  # the last line may be incomplete after a kill

    def events(self) -> list[dict]:
        """Return all events in the order received, repeats included."""
        return [event for request in self.requests() for event in json.loads(request["body"])]

    def changes(self) -> list[int]:
        """Return the numbers of the changes without repeats, in the order first received."""
        return list(dict.fromkeys(int(event["id"]) for event in self.events() if event["id"].isdigit()))


def main(folder: Path, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            read = self.rfile.read(length)
            if len(read) < length:  # the sender was killed during the request: no message
                self.close_connection = True
                return
            body = read.decode()
            mood = (folder / "mood").read_text(encoding="ascii")
            if mood == "hanging":
                Event().wait(DEADLINE_S)
            if mood == "slow":
                Event().wait(0.3)
            if mood in {"well", "slow"}:
                with (folder / "heard").open("a", encoding="utf-8") as heard:
                    heard.write(json.dumps({"headers": dict(self.headers), "body": body}) + "\n")
            self.send_response({"failing": 503, "gone": 410}.get(mood, 204))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
