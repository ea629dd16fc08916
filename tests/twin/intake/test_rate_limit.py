"""A feed that sends faster than it may is refused before its body is read."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from server.settings import load_settings
from tests.databases import run_async
from tests.running_app import running_app
from tests.twin.feeds.test_feeds import BATCH, cloudevent
from tests.twin.named import put_named

SLOW = """
name: demo
title_zh: 慢
title_en: Slow
protocol: http
crs_source: WGS84
rate_limit_per_s: 1
kinds: [position]
supplies: [vehicles]
"""


@pytest.fixture
def address(district_url, tmp_path):
    run_async(put_named(district_url))
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "demo.yaml").write_text(SLOW, encoding="utf-8")
    settings = load_settings(home=tmp_path, database={"url": district_url}, feeds={"folder": str(feeds)})
    with running_app(settings) as address:
        yield address


def test_a_large_delivery_is_let_through_and_the_next_is_not_read(address):
    body = [cloudevent(n, f"vehicles/v{n}") for n in range(500)]
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/feeds/demo", json=body, headers={"content-type": BATCH}).json()["accepted"] == 500
        not_json = client.post("/feeds/demo", content=b"[" * 100_000, headers={"content-type": BATCH})
        assert (not_json.status_code, not_json.headers["retry-after"]) == (429, "1")
    told = urlsplit(address)
    head = f"POST /feeds/demo HTTP/1.1\r\nHost: x\r\nContent-Type: {BATCH}\r\nContent-Length: 900000\r\n\r\n"
    with socket.create_connection((told.hostname, told.port), timeout=60) as connection:
        connection.sendall(head.encode())  # and nothing of the body
        assert connection.recv(100).startswith(b"HTTP/1.1 429")


def test_what_cannot_be_read_counts_too(address):
    with httpx.Client(base_url=address, timeout=60) as client:
        answers = [client.post("/feeds/demo", content=b"{", headers={"content-type": BATCH}) for _ in range(30)]
    assert {answer.status_code for answer in answers} == {400, 429}
