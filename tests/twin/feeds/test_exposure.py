"""A feed that anybody may write as is told, and takes nothing when the network reaches it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest

from layers.errors import Conflict
from server.commands import feed as commands
from server.doctor.feeds import examine_feeds
from server.doctor.machine import FindingState
from server.settings import load_settings
from tests.databases import run_async
from tests.running_app import running_app
from tests.twin.feeds.feeds import CONFIG, feed
from tests.twin.feeds.test_feeds import BATCH, SECRET, cloudevent
from tests.twin.named import put_named
from twin.connectors import terminal
from twin.connectors.protocols import read_feed
from twin.feeds.exposure import IN_CLEAR, UNSIGNED, is_local, remarks
from twin.feeds.signature import sign

OPEN = """
name: {name}
title_zh: 开
title_en: Open
protocol: http
crs_source: WGS84
kinds: [position]
supplies: [vehicles]
source: /feeds/demo
"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "feeds"
    made.mkdir()
    (made / "unsigned.yaml").write_text(OPEN.format(name="unsigned"), encoding="utf-8")
    (made / "signed.yaml").write_text(OPEN.format(name="signed") + "secret: demo\n", encoding="utf-8")
    return made


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("0.0.0.0", 403)])  # noqa: S104 - not listened on
def test_nobody_pushes_to_a_feed_without_a_secret_when_the_network_reaches_us(
    district_url, tmp_path, folder, monkeypatch, host, status
):
    monkeypatch.setenv("ONEMAP_SECRET_DEMO", SECRET)
    run_async(put_named(district_url))
    settings = load_settings(
        home=tmp_path, database={"url": district_url}, feeds={"folder": str(folder)}, server={"host": host}
    )
    with running_app(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        body = httpx.Request("POST", address, json=[cloudevent(1)]).content
        answer = client.post("/feeds/unsigned", content=body, headers={"content-type": BATCH})
        assert answer.status_code == status, answer.text
        lines = client.post("/feeds/unsigned", content=body[1:-1], headers={"content-type": "application/x-ndjson"})
        assert lines.status_code == status
        signed = sign(SECRET.encode(), "signed", body, now=datetime.now(UTC), nonce="n" * 20)
        assert client.post("/feeds/signed", content=body, headers={"content-type": BATCH} | signed).status_code == 200


@pytest.mark.parametrize(("host", "state"), [("127.0.0.1", FindingState.WARNING), ("0.0.0.0", FindingState.WRONG)])  # noqa: S104
def test_doctor_names_it(tmp_path, folder, host, state):
    settings = load_settings(home=tmp_path, feeds={"folder": str(folder)}, server={"host": host})
    (finding,) = examine_feeds(settings)
    assert (finding.state, UNSIGNED in finding.detail) == (state, True)
    assert "unsigned" in finding.subject
    assert "feed secret" in finding.remedy
    (folder / "unsigned.yaml").unlink()
    assert [finding.state for finding in examine_feeds(settings)] == [FindingState.WELL]


def test_feed_check_names_it(folder, capsys):
    commands.check(folder / "unsigned.yaml")
    assert UNSIGNED in capsys.readouterr().out.replace("\n", "")
    commands.check(folder / "signed.yaml")
    assert UNSIGNED not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "told"),
    [("mqtt://iot.example.gov.cn:1883", [IN_CLEAR]), ("mqtts://iot.example.gov.cn", []), ("mqtt://127.0.0.1:1883", [])],
)
def test_a_password_in_clear_is_told(url, told):
    definition = feed("iot_water")
    connection = definition.connection.model_copy(update={"url": url})
    assert remarks(definition.model_copy(update={"connection": connection})) == told


def test_a_port_for_terminals_is_not_opened_to_the_network_without_a_secret():
    definition = feed("vehicles_jt808")
    connection = definition.connection.model_copy(update={"host": "0.0.0.0", "port": 1})  # noqa: S104 - refused
    open_ = definition.model_copy(update={"connection": connection, "secret": None})
    with pytest.raises(Conflict, match="no secret"):
        asyncio.run(terminal.TerminalFeed.run(open_, SimpleNamespace(), SimpleNamespace()))


@pytest.mark.parametrize("file", sorted(CONFIG.glob("*.yaml")), ids=lambda file: file.stem)
def test_nothing_that_is_shipped_is_open(file):
    assert remarks(read_feed(file)) == []


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True), ("0.0.0.0", False),  # noqa: S104
     ("::", False), ("192.168.1.4", False), ("localhost.example.cn", False), (None, False), ("", False),
     ("127.example.cn", False)],
)  # fmt: skip
def test_what_is_reached_from_here_only(host, local):
    assert is_local(host) is local
