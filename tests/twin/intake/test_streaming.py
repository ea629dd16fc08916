"""Bodies of any length, over real sockets: NDJSON taken while it comes."""

from __future__ import annotations

import itertools
import json
import secrets
import socket
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from layers.database.connection import connect
from tests.databases import count_rows, run_async
from tests.twin.named import put_named
from tests.twin.waiting import DEADLINE_S, until
from twin.feeds.seal import Sealer

pytestmark = pytest.mark.anyio
SECRET = b"a secret of sixteen bytes and more"
LINES = "application/x-ndjson"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("ONEMAP_SECRET_DEMO", SECRET.decode())


@pytest.fixture
def address(district_url, live_server):
    run_async(put_named(district_url))
    return live_server(district_url)


@pytest.fixture
async def owner(district_url):
    connection = await connect(district_url)
    yield connection
    await connection.close()


def line(number, **changed):
    event = {
        "specversion": "1.0",
        "id": str(number),
        "source": "/feeds/demo",
        "type": "cn.gov.district.position.created",
        "subject": f"vehicles/v{number % 50}",
        "time": "2026-06-08T01:58:00Z",
        "data": {"lon": 113.35, "lat": 23.13},
    }
    return json.dumps({**event, **changed}).encode() + b"\n"


def opened():
    return Sealer(SECRET, "demo", now=datetime.now(UTC), nonce=secrets.token_hex(16))


def post(address, body, sealer, **headers):
    with httpx.Client(base_url=address, timeout=DEADLINE_S) as client:
        return client.post("/feeds/demo", content=body, headers={**sealer.headers(), "content-type": LINES, **headers})


async def taken(owner):
    return await count_rows(owner, "twin.position")


async def test_a_body_larger_than_any_limit_is_taken_in_batches(address, owner):
    sealer, count = opened(), 12_000
    batches = (b"".join(line(n) for n in some) for some in itertools.batched(range(count), 1000))
    body = [sealer.seal(batch) for batch in batches]
    assert sum(map(len, body)) > 2 * 1024 * 1024  # twice what a request may have
    answer = post(address, iter(body), sealer)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["lines"], said["accepted"], said["rejected"]) == (count, count, 0)
    assert await taken(owner) == count


async def test_what_goes_wrong_in_the_middle_says_how_far_it_was_taken(address, owner):
    sealer = opened()
    body = sealer.seal(line(1) + line(2, data={}) + line(3)) + sealer.seal(line(4)).replace(b"v4", b"v5") + line(5)
    answer = post(address, body, sealer)
    assert answer.status_code == 400
    assert "first 3 lines" in answer.json()["detail"]
    told = answer.json()["taken"]
    assert (told["lines"], told["accepted"], told["rejected"]) == (3, 2, 1)
    assert told["refused"][0]["index"] == 1
    assert await taken(owner) == 2
    assert await count_rows(owner, "twin.refused") == 1


async def test_a_stream_is_opened_once_by_who_has_the_secret(address, owner):
    sealer = opened()
    body = sealer.seal(line(1))
    assert post(address, body, sealer).status_code == 200
    assert post(address, body, sealer).status_code == 401
    stranger = Sealer(b"another secret of some length", "demo", now=datetime.now(UTC), nonce="n" * 20)
    assert post(address, stranger.seal(line(2)), stranger).status_code == 401
    old = Sealer(SECRET, "demo", now=datetime(2026, 1, 1, tzinfo=UTC), nonce="n" * 20)
    assert post(address, old.seal(line(2)), old).status_code == 401
    unsigned = httpx.post(f"{address}/feeds/demo", content=line(2), headers={"content-type": LINES}, timeout=DEADLINE_S)
    assert unsigned.status_code == 401
    assert await taken(owner) == 1


class Wire:
    """A request that is written while its answer is read."""

    def __init__(self, address, sealer) -> None:
        where = urlsplit(address)
        self._socket = socket.create_connection((where.hostname, where.port), timeout=DEADLINE_S)
        self._file = self._socket.makefile("rb")
        headers = {"Host": "x", "Content-Type": LINES, "Accept": LINES, "Transfer-Encoding": "chunked"}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **sealer.headers()}.items())
        self._socket.sendall(f"POST /feeds/demo HTTP/1.1\r\n{head}\r\n".encode())
        self._in_body = False

    def send(self, piece) -> None:
        self._socket.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def heard(self):
        """Return the next receipt."""
        if not self._in_body:
            assert b" 200 " in self._file.readline()
            while self._file.readline().strip():
                pass
            self._in_body = True
        size = int(self._file.readline(), 16)
        piece = self._file.read(size + 2)
        return json.loads(piece) if size else None

    def close(self) -> None:
        self._file.close()
        self._socket.close()


async def test_who_asks_is_told_after_every_batch_and_loses_nothing_when_the_line_breaks(address, owner):
    sealer = opened()
    wire = Wire(address, sealer)
    for number in range(5):
        wire.send(sealer.seal(line(number)))
        assert wire.heard()["lines"] == number + 1
        assert await taken(owner) == number + 1
    wire.send(line(5))  # without its seal
    wire.close()
    again = opened()
    wire = Wire(address, again)
    wire.send(again.seal(b"".join(line(n) for n in range(7))))
    told = wire.heard()
    assert (told["lines"], told["accepted"], told["duplicate"]) == (7, 2, 5)
    wire.send(b"")  # the end of the body
    assert wire.heard()["refused"] == []
    assert wire.heard() is None
    wire.close()
    await until(lambda: _is(owner, 7))


async def _is(owner, count):
    return await taken(owner) == count
