"""天地图 by proxy, against a real HTTP server in its place."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

KEY = "a-key-that-no-client-sees"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
MANY = 12


class Service(ThreadingHTTPServer):
    """Answers like 天地图: a picture with the key, a page of text without it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.answer = threading.Event()
        self.answer.set()
        self.kind, self.status = "image/png", 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer.wait(60)
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.kind)
        self.send_header("Content-Length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service():
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(service, live_server, database_url):
    address = live_server(database_url, basemap={"tianditu_key": KEY, "tianditu_url": service.url})
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def test_a_tile_is_fetched_with_the_key_once_and_the_key_goes_to_nobody(client, service):
    service.answer.clear()
    with ThreadPoolExecutor(MANY) as together:
        asked = [together.submit(client.get, "/basemaps/tianditu/vec/10/834/444") for _ in range(MANY)]
        service.answer.set()
        answers = [one.result() for one in asked]
    answers.append(client.get("/basemaps/tianditu/vec/10/834/444"))
    assert {(one.status_code, one.content, one.headers["content-type"]) for one in answers} == {(200, PNG, "image/png")}
    assert len(service.asked) == 1
    sent = urlsplit(service.asked[0])
    said = {name: values[0] for name, values in parse_qs(sent.query).items()}
    assert sent.path == "/vec_w/wmts"
    assert (said["tk"], said["TILEMATRIX"], said["TILECOL"], said["TILEROW"]) == (KEY, "10", "834", "444")
    style = client.get("/styles/light.json?basemap=img")
    assert KEY not in style.text
    assert service.url not in style.text
    ids = [layer["id"] for layer in style.json()["layers"]]
    assert ids[:4] == ["ground", "district", "tianditu-img", "tianditu-cia"]
    assert style.json()["sources"]["tianditu-img"]["attribution"] == "天地图 Tianditu"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("ter/1/0/0", "layers: vec, cva, img, cia"),
        ("vec/0/0/0", "from 1 to 18"),
        ("vec/19/0/0", "from 1 to 18"),
        ("vec/3/8/0", "x goes from 0 to 7"),
        ("vec/3/0/-1", "y goes from 0 to 7"),
    ],
)
def test_tiles_that_do_not_exist_are_never_asked_for(client, service, path, detail):
    answer = client.get(f"/basemaps/tianditu/{path}")
    assert answer.status_code == 404
    assert detail in answer.text
    assert service.asked == []


@pytest.mark.parametrize(("status", "kind"), [(403, "image/png"), (200, "text/html"), (302, "image/png")])
def test_an_answer_that_is_no_picture_is_told_without_the_key_and_not_kept(client, service, status, kind):
    service.status, service.kind = status, kind
    answer = client.get("/basemaps/tianditu/cva/9/417/222")
    assert answer.status_code == 503
    assert "is the key right?" in answer.text
    assert KEY not in answer.text
    service.status, service.kind = 200, "image/png"
    assert client.get("/basemaps/tianditu/cva/9/417/222").status_code == 200


def test_a_service_that_is_gone_is_told_without_the_key(live_server, database_url):
    gone = Service()
    gone.server_close()
    address = live_server(database_url, basemap={"tianditu_key": KEY, "tianditu_url": gone.url})
    answer = httpx.get(f"{address}/basemaps/tianditu/vec/9/417/222", timeout=60)
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text
    assert KEY not in answer.text


def test_without_a_key_there_is_none_and_the_answer_says_how(live_server, database_url):
    address = live_server(database_url)
    answer = httpx.get(f"{address}/basemaps/tianditu/vec/9/417/222", timeout=60)
    assert answer.status_code == 404
    assert "tianditu_key" in answer.text
