"""A protocol is one class and a line of the table: all else follows from them."""

from __future__ import annotations

import ast
import asyncio
import re
from types import SimpleNamespace
from typing import ClassVar, Literal, get_args

import pytest

from layers.errors import BadInput
from server.commands import feed as commands
from server.feeds.file import feed_of
from server.feeds.words import describe
from server.installation import PROJECT
from tests.sources import python_files
from tests.twin.waiting import until
from twin.connectors.connector import FetchedFeed
from twin.connectors.protocols import PROTOCOLS, parse_feed, read_feed, read_registry
from twin.connectors.running import Connectors
from twin.feeds.definition import FeedConnection, FeedFormat
from twin.feeds.exposure import UNSIGNED, remarks
from twin.jobs.feed_health import FeedState

GUIDE = PROJECT / "docs" / "guide"
LETTERS = """
name: letters
title_zh: 信鸽
title_en: Letters
protocol: pigeon
crs_source: CGCS2000
kinds: [position]
supplies: [vehicles]
connection: {loft: east}
mapping:
  - kind: position
    id: i
    subject: {template: "vehicles/{i}"}
    time: {path: t, as: epoch_s}
    data: {lon: x, lat: y}
"""


class PigeonConnection(FeedConnection):
    loft: str


class PigeonFeed(FetchedFeed):
    """A tenth protocol; this class is all there is of it."""

    usual_format: ClassVar[FeedFormat] = "records"
    landed: ClassVar[list[str]] = []

    protocol: Literal["pigeon"]
    connection: PigeonConnection

    def how_to_send(self):
        yield f"飞往 fly to: {self.connection.loft}"

    async def run(self, parts, status):  # noqa: ARG002
        await status.working(f"waits at {self.connection.loft}")
        self.landed.append(self.name)
        await asyncio.Event().wait()


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file of a feed of the tenth protocol, which is in the table."""
    monkeypatch.setitem(PROTOCOLS, "pigeon", PigeonFeed)
    monkeypatch.setattr(PigeonFeed, "landed", [])
    path = tmp_path / "letters.yaml"
    path.write_text(LETTERS, encoding="utf-8")
    return path


def refusal(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        read_feed(path)
    return refused.value.message


def test_a_new_protocol_is_read_and_checked_by_its_types(file):
    feed = read_feed(file)
    assert (type(feed), feed.format, feed.connection.loft) == (PigeonFeed, "records", "east")
    assert remarks(feed) == []
    assert refusal(file, LETTERS.replace("{loft: east}", "{}")).endswith("connection.loft: Field required")
    assert "connection.roof" in refusal(file, LETTERS.replace("loft", "roof"))
    assert refusal(file, LETTERS.replace("pigeon", "owl")).endswith("'replay' or 'pigeon'")


def test_a_new_protocol_has_its_words(file, tmp_path, capsys):
    feed = feed_of(file.parent, "letters")
    lines = list(describe(FeedState(feed, "never", {}, {}), tmp_path))
    assert "协议 protocol: pigeon, records, CGCS2000" in lines
    assert "飞往 fly to: east" in lines
    sample = tmp_path / "letter.json"
    sample.write_text('{"i": "v1", "t": 1780884000, "x": 113.3, "y": 23.1}')
    with pytest.raises(commands.typer.Exit):
        commands.check(file, sample)
    assert "1 条消息 messages, 0 拒收 refused" in capsys.readouterr().out


def test_nothing_is_sent_to_a_protocol_without_a_way(file, tmp_path):
    with pytest.raises(BadInput, match="fetched by pigeon"):
        asyncio.run(read_feed(file).publish(tmp_path, tmp_path, None))


class Noted:
    """Notes what the states of connectors would write."""

    def __init__(self) -> None:
        self.rows = []

    async def execute(self, _, *values):
        self.rows.append(values)


async def landing(folder):
    """Run the connectors of a folder until a pigeon has landed; return what they say of themselves."""
    pool = Noted()
    parts = SimpleNamespace(pool=pool, intake=SimpleNamespace(registry=read_registry(folder)))
    task = asyncio.create_task(Connectors(parts).run())
    await until(lambda: PigeonFeed.landed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return pool.rows


def test_a_new_protocol_is_run(file):
    rows = asyncio.run(landing(file.parent))
    assert PigeonFeed.landed == ["letters"]
    assert ("letters", "working", "waits at east") in rows


@pytest.mark.parametrize(("name", "kind"), PROTOCOLS.items())
def test_every_protocol_has_all_it_needs(name, kind):
    assert get_args(kind.model_fields["protocol"].annotation) == (name,)
    assert kind.__abstractmethods__ == frozenset()
    assert kind.usual_format in get_args(FeedFormat.__value__)
    assert kind.is_pushed is not issubclass(kind, FetchedFeed)
    guides = "".join(path.read_text(encoding="utf-8") for path in GUIDE.glob("*.md"))
    assert re.search(rf"^protocol: {name}$", guides + shipped(), flags=re.MULTILINE)
    row = re.search(r"^\| `protocol` \|.*$", (GUIDE / "feeds.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert f"`{name}`" in row.group()


def shipped():
    return "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "config" / "feeds").glob("*.yaml"))


def test_a_setting_of_another_protocol_may_stand_in_a_file_and_a_wrong_one_may_not(file):
    given = {"name": "one", "title_zh": "一", "title_en": "One", "protocol": "cap", "crs_source": "WGS84"}
    given |= {"kinds": ["event"], "supplies": ["events"]}
    kept = parse_feed({**given, "connection": {"port": 6808, "topics": [], "url": None, "encoding": "gbk"}})
    assert kept.connection == FeedConnection(encoding="gbk")
    assert remarks(kept) == [UNSIGNED]
    for wrong in ({"port": "a port"}, {"url": "mqtt://me:secret@host"}, {"prot": 6808}):
        with pytest.raises(ValueError, match=f"connection.{next(iter(wrong))}"):
            parse_feed({**given, "connection": wrong})


def branches(tree):
    """Yield the constants that a module compares a `protocol` with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Match) and isinstance(node.subject, ast.Attribute) and node.subject.attr == "protocol":
            yield from (case.pattern.value for case in node.cases if isinstance(case.pattern, ast.MatchValue))
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            if any(isinstance(side, ast.Attribute) and side.attr == "protocol" for side in sides):
                yield from sides


def test_no_module_asks_for_a_protocol_by_name():
    asking = {
        str(path.relative_to(PROJECT))
        for path in python_files()
        if ".protocol" in (text := path.read_text(encoding="utf-8"))
        if list(branches(ast.parse(text)))
    }
    assert asking == set()
