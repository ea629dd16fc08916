"""`onemap feed …`: from a file and a secret to a message that arrived, with nothing but the commands."""

from __future__ import annotations

import asyncio
import json

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from layers.database.connection import connect
from layers.errors import BadInput, Conflict, NotFound, OneMapError, Unauthenticated, Unavailable
from server import cli
from server.commands import feed
from server.commands.feeds import refused
from tests.twin.named import put_named

FEED = """\
# 雨量，来自测试。 Rain, of the tests.
name: rain
title_zh: 雨量
title_en: Rain
protocol: http
crs_source: CGCS2000
secret: rain               # 密钥 the secret
expected_interval_s: 60
kinds: [observation]
supplies: [rain_gauges]
mapping:
  - kind: observation
    verb: created
    id: {template: "{gauge}-{n}"}
    subject: {template: "rain_gauges/{gauge}"}
    time: {path: ts, as: epoch_ms}
    data: {property: {constant: rain_mm}, value: mm, unit: {constant: mm}}
"""
SAMPLE = [{"gauge": "G1", "n": n, "ts": 1_780_884_000_000 + n, "mm": n / 10} for n in range(3)]


@pytest.fixture(autouse=True)
def gauges(request):
    """Put the gauges of the sample where a test has a database."""
    if "fixture_copy_url" in request.fixturenames:
        asyncio.run(put_named(request.getfixturevalue("fixture_copy_url"), rain_gauges=("G1", "G2")))


@pytest.fixture
def onemap(tmp_path, monkeypatch):
    """Type commands: ``onemap("list")`` returns what they print; errors of ours are raised."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    (folder / "rain.yaml").write_text(FEED, encoding="utf-8")
    monkeypatch.setenv("ONEMAP_FEEDS_FOLDER", str(folder))
    monkeypatch.setenv("ONEMAP_HOME", str(tmp_path / "home"))

    cli.command()  # registers the commands
    for module in (feed, refused):
        monkeypatch.setattr(module, "_out", Console(width=200, soft_wrap=True))

    def typed(*words, code=0, given=None):
        result = CliRunner().invoke(cli.app, ["feed", *map(str, words)], input=given)
        if isinstance(result.exception, OneMapError):
            raise result.exception
        assert result.exit_code == code, result.output + repr(result.exception)
        return result.output

    typed.folder, typed.home = folder, tmp_path / "home"
    return typed


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(SAMPLE), encoding="utf-8")
    return path


def rows(url, statement):
    async def fetch():
        connection = await connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_check_tells_what_is_wrong_with_a_file_and_what_a_sample_becomes(onemap, sample, tmp_path):
    file = onemap.folder / "rain.yaml"
    assert "雨量" in onemap("check", file)
    said = onemap("check", file, "--sample", sample)
    assert "3 条消息 messages, 0 拒收 refused" in said
    assert '"feature_id": "G1"' in said
    sample.write_text(json.dumps([*SAMPLE, {"gauge": "G1"}]), encoding="utf-8")
    assert "第 3 条 no. 3: missing" in onemap("check", file, "--sample", sample, code=1)
    file.write_text(FEED.replace("crs_source: CGCS2000", "crs_source: MARS"), encoding="utf-8")
    with pytest.raises(BadInput, match="crs_source"):
        onemap("check", file)
    with pytest.raises(BadInput, match=r"nothing\.yaml"):
        onemap("check", tmp_path / "nothing.yaml")


def test_check_says_which_events_no_count_would_find(onemap, tmp_path):
    file = tmp_path / "cases.yaml"
    event = {"kind": "event", "id": "n", "time": "at", "data": {"source": {"constant": "hotline"}}}
    given = yaml.safe_load(FEED) | {"name": "cases", "kinds": ["event"], "supplies": ["events"], "mapping": [event]}
    file.write_text(yaml.safe_dump(given), encoding="utf-8")
    said = onemap("check", file)
    assert "occurred_at" in said
    assert "event_class" in said
    event["data"] |= {"occurred_at": "at", "event_class": "kind"}
    file.write_text(yaml.safe_dump(given), encoding="utf-8")
    assert "occurred_at" not in onemap("check", file)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(onemap):
    onemap("secret", "rain")
    path = onemap.home / "secrets" / "rain"
    first = path.read_bytes()
    assert len(first) > 32
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="--replace"):
        onemap("secret", "rain")
    assert path.read_bytes() == first
    onemap("secret", "rain", "--replace")
    assert path.read_bytes() != first
    onemap("secret", "rain", "--replace", "--read", given="of the broker\n")
    assert path.read_bytes() == b"of the broker\n"
    for name in ("../rain", "Rain", ""):
        with pytest.raises(BadInput, match="no name"):
            onemap("secret", name)


def test_a_feed_is_switched_off_and_on_and_its_file_is_otherwise_the_same(onemap):
    file = onemap.folder / "rain.yaml"
    onemap("disable", "rain")
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == {**yaml.safe_load(FEED), "enabled": False}
    assert "# 密钥 the secret" in file.read_text(encoding="utf-8")
    assert "as before" in onemap("disable", "rain")
    onemap("enable", "rain")
    assert file.read_text(encoding="utf-8") == FEED.replace("protocol: http\n", "protocol: http\nenabled: true\n")
    assert sorted(path.name for path in onemap.folder.iterdir()) == ["rain.yaml"]
    with pytest.raises(NotFound, match="there are: rain"):
        onemap("enable", "nothing")


def test_a_file_is_signed_sent_and_shown(onemap, sample, fixture_copy_url, live_server, monkeypatch):
    monkeypatch.setenv("ONEMAP_DATABASE_URL", fixture_copy_url)
    address = live_server(fixture_copy_url, home=onemap.home, feeds={"folder": onemap.folder})
    with pytest.raises(Unavailable, match="secret"):
        onemap("send", "rain", sample, "--url", address)
    assert "未接入 never" in onemap("list")
    onemap("secret", "rain")
    assert "3 received, 3 accepted" in onemap("send", "rain", sample, "--url", address)
    lines = sample.with_suffix(".ndjson")
    lines.write_text("\n".join(json.dumps(one) for one in [*SAMPLE, {"gauge": "G2"}]), encoding="utf-8")
    said = onemap("send", "rain", lines, "--url", address, code=1)
    assert "3 duplicate" in said
    assert "no. 3: missing" in said
    assert rows(fixture_copy_url, "SELECT value FROM twin.observation ORDER BY 1") == [(0.0,), (0.1,), (0.2,)]
    told = onemap("list")
    assert "正常 live" in told
    assert "rain: 拒收待处理 refused, waiting: missing × 1" in told
    shown = onemap("show", "rain")
    assert "received 7, accepted 3, duplicate 3" in shown
    assert "./onemap feed send rain FILE" in shown
    rows(fixture_copy_url, "UPDATE twin.feed SET last_received_at = now() - interval '1 hour' RETURNING 1")
    told = onemap("list")
    assert "静默 silent" in told
    assert "陈旧 stale: rain_gauges ← rain" in told


def test_what_was_refused_is_put_right_and_taken_again(onemap, tmp_path, fixture_copy_url, monkeypatch, live_server):
    monkeypatch.setenv("ONEMAP_DATABASE_URL", fixture_copy_url)
    address = live_server(fixture_copy_url, home=onemap.home, feeds={"folder": onemap.folder})
    onemap("secret", "rain")
    bad = tmp_path / "bad.ndjson"
    bad.write_text("\n".join(json.dumps({**SAMPLE[0], "n": n, "ts": None}) for n in range(4)), encoding="utf-8")
    with pytest.raises(BadInput, match="nothing was taken"):
        onemap("send", "rain", bad, "--url", address)
    assert "rain: missing × 4" in onemap("refused", "list", "--feed", "rain")
    numbers = [row[0] for row in rows(fixture_copy_url, "SELECT id FROM twin.refused ORDER BY id")]
    onemap("refused", "show", numbers[0], "--out", tmp_path / "kept.json")
    mended = json.loads((tmp_path / "kept.json").read_bytes())
    (tmp_path / "kept.json").write_text(json.dumps({**mended, "ts": 1_780_884_000_000}), encoding="utf-8")
    with pytest.raises(BadInput, match="refused again"):
        onemap("refused", "replay", numbers[0])
    assert "1 重收 taken" in onemap("refused", "replay", numbers[0], "--file", tmp_path / "kept.json")
    with pytest.raises(Conflict, match="taken again"):
        onemap("refused", "replay", numbers[0], "--file", tmp_path / "kept.json")
    onemap("refused", "discard", numbers[1])
    assert "2 仍被拒收 still refused" in onemap("refused", "replay", "--feed", "rain", code=1)
    (onemap.folder / "rain.yaml").write_text(
        FEED.replace("time: {path: ts, as: epoch_ms}", 'time: {constant: "2026-06-08T10:00:00+08:00"}'),
        encoding="utf-8",
    )
    assert "2 重收 taken, 0 仍被拒收" in onemap("refused", "replay", "--feed", "rain")
    assert "nothing waits" in onemap("refused", "list")
    assert len(rows(fixture_copy_url, "SELECT FROM twin.observation")) == 3
    with pytest.raises(BadInput, match="say which"):
        onemap("refused", "replay")


def test_large_files_go_in_parts(onemap, sample, fixture_copy_url, live_server):
    address = live_server(fixture_copy_url, home=onemap.home, feeds={"folder": onemap.folder})
    onemap("secret", "rain")
    many = [{**SAMPLE[0], "n": n, "note": "x" * 500} for n in range(3_000)]
    sample.write_text(json.dumps(many), encoding="utf-8")
    assert "3,000 accepted" in onemap("send", "rain", sample, "--url", address)


def test_a_wrong_secret_and_a_wrong_address_are_told(onemap, sample, fixture_copy_url, live_server, monkeypatch):
    address = live_server(fixture_copy_url, home=onemap.home, feeds={"folder": onemap.folder})
    onemap("secret", "rain")
    other = onemap.home.parent / "other"
    (other / "secrets").mkdir(parents=True)
    monkeypatch.setenv("ONEMAP_HOME", str(other))
    onemap("secret", "rain")
    with pytest.raises(Unauthenticated, match="401"):
        onemap("send", "rain", sample, "--url", address)
    with pytest.raises(Unavailable, match="onemap up"):
        onemap("send", "rain", sample)
    with pytest.raises(Unavailable, match="nobody answers"):
        onemap("send", "rain", sample, "--url", "http://127.0.0.1:1")
