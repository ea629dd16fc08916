"""``onemap feed``: the state of the feeds, and all commands to connect a new one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.database.connection import Role, connected
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.commands.feeds.incomplete import group as incomplete_group
from server.commands.feeds.refused import group as refused_group
from server.database import open_current
from server.feeds.file import feed_of, switch
from server.feeds.post import open_client, post
from server.feeds.secrets import make_secret, rotate_secret, write_secret
from server.feeds.trial import try_sample
from server.feeds.words import AGE, LIFE, describe, lacking
from server.running import running_address
from server.settings import Settings
from server.wire.certificate import trust_of
from twin.connectors.connector import FetchedFeed
from twin.connectors.protocols import read_feed, read_registry
from twin.feeds.definition import FeedDefinition
from twin.feeds.exposure import remarks
from twin.feeds.secret import FOLDER, read_secret
from twin.feeds.times import span
from twin.jobs.feed_health import FeedState, FeedStates, read_health

_out = Console(highlight=False, soft_wrap=True)
NameArgument = Annotated[str, typer.Argument(help="数据源名，即其文件名。 The feed: the name of its file.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "feed",
        "数据源：状态、检查、发送、密钥。 Feeds: how they do, check a file, send one, secrets.",
        {
            "list": list_feeds,
            "show": show,
            "check": check,
            "secret": secret,
            "send": send,
            "enable": enable,
            "disable": disable,
            "rotate-secret": rotate,
            "refused": refused_group(),
            "incomplete": incomplete_group(),
        },
    )


def list_feeds(home: HomeOption = None, config: ConfigOption = None) -> None:
    """各数据源的状态：最近消息、滞后、速率、拒收。 How every feed does: last message, lag, rates, refusals.

    静默（三个预期间隔没有消息）以红色显示，其供给的图层随后列为陈旧。
    A silent feed (three expected intervals without a message) is red, and the layers it supplies are stale.
    """
    settings = settings_of(home, config)
    health = _look(settings)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for title in ("数据源\nfeed", "协议\nprotocol", "状态\nstate"):
        table.add_column(title, no_wrap=True)
    for title in ("最近\nlast", "滞后\nlag", "每分钟\n/min", "接收\nreceived", "拒收\nrefused"):
        table.add_column(title, justify="right", no_wrap=True)
    for feed in health.feeds:
        table.add_row(*_row(feed), style="red" if feed.life == "silent" else "dim" if feed.life == "off" else "")
    _out.print(table)
    for feed in health.feeds:
        for line in _remarks(feed):
            _out.print(line, markup=False)
    for layer, names in health.stale.items():
        _out.print(f"[red]陈旧 stale[/]: {layer} ← {', '.join(names)}")
    for fault in read_registry(settings.feeds.folder).faults.values():
        _out.print(f"✗ {fault}", style="bold red", markup=False)
    if not health.ingest["working"]:
        _out.print("[yellow]接入进程未运行，只接收推送 no ingest process works: only what is pushed is taken[/]")


def show(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """一个数据源的一切：定义、计数、连接、故障、怎样发送。 Everything of one feed, and how to send to it."""
    settings = settings_of(home, config)
    definition = feed_of(settings.feeds.folder, name)
    (health,) = _look(settings, {name: definition}).feeds
    for line in describe(health, settings.home):
        _out.print(line, markup=False)


def check(
    file: Annotated[
        Path, typer.Argument(help="数据源定义文件。 The feed's file, for example config/feeds/hotline.yaml.")
    ],
    sample: Annotated[
        Path | None, typer.Option(help="样例：解码并打印。 What a sender sends: decoded and printed.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="样例的 MQTT 主题。 The MQTT topic the sample came by.")] = None,
) -> None:
    """检查定义文件；给出样例则按定义解码。 Check a feed's file; with a sample, see the messages it makes of it.

    例 for example:  ./onemap feed check config/feeds/hotline.yaml --sample ticket.json
    """
    definition = read_feed(file)
    _out.print(f"✓ {file.name}: {definition.title_zh} {definition.title_en}", markup=False)
    for line in lacking(definition):
        _out.print(line, markup=False)
    for remark in remarks(definition):
        _out.print(f"! {remark}", style="yellow", markup=False)
    if sample is None:
        return
    reading = try_sample(definition, sample, topic)
    for message in reading.messages:
        fields = {name: value for name, value in message._asdict().items() if value is not None}
        _out.print(orjson.dumps(fields, option=orjson.OPT_INDENT_2, default=str).decode(), markup=False)
    for refused in reading.refused:
        _out.print(f"✗ 第 {refused.index} 条 no. {refused.index}: {refused.reason}: {refused.detail}", markup=False)
    total = (
        f"{len(reading.messages)} 条消息 messages, {len(reading.refused)} 拒收 refused, {reading.ignored} 略过 ignored"
    )
    _out.print(total, markup=False)
    raise typer.Exit(1 if reading.refused else 0)


def secret(
    name: Annotated[
        str, typer.Argument(help="密钥名（定义文件的 secret）。 The secret's name, as the feed's file has it.")
    ],
    *,
    read: Annotated[
        bool, typer.Option(help="从标准输入读取对方给的口令。 Take a given password from standard input.")
    ] = False,
    replace: Annotated[bool, typer.Option(help="替换已有的。 Replace the one there is.")] = False,
    webhook: Annotated[
        bool,
        typer.Option(help="Standard Webhooks 格式（whsec_…），用于出口。 As libraries of Standard Webhooks take it."),
    ] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """生成密钥，仅本账户可读。 Make a secret that only this account can read, for a sender to sign with.

    由他人给定的口令（如 MQTT）： A password that others gave you (of a broker):  ./onemap feed secret iot_water --read
    """
    settings = settings_of(home, config)
    content = sys.stdin.read() if read else make_secret(for_webhooks=True) if webhook else None
    path = write_secret(settings.home, name, content, replace=replace)
    _out.print(f"✓ {path}", markup=False)
    if not read:
        _out.print(
            "把文件内容交给发送方，勿经邮件或聊天 give its content to the sender, not by mail or chat", markup=False
        )


def rotate(
    name: Annotated[str, typer.Argument(help="密钥名，数据源或出口均可。 The secret's name, of a feed or an outlet.")],
    *,
    keep_days: Annotated[
        float,
        typer.Option(
            min=0, max=366, help="旧密钥继续有效的天数；0 即刻失效。 Days the old one still counts; 0 ends it."
        ),
    ] = 7.0,
    read: Annotated[bool, typer.Option(help="从标准输入读取新密钥。 Take the new one from standard input.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """更换密钥：新旧同时有效一段时间，发送方不中断。 Replace a secret: old and new are both valid for a while.

    数据源接受任一密钥的签名；出口（webhook）以两者各签一次。再次更换时旧密钥立即失效。
    A feed accepts a signature by either; a webhook is signed by both. The next rotation ends the old one.
    """
    settings = settings_of(home, config)
    until = rotate_secret(settings.home, name, timedelta(days=keep_days), sys.stdin.read() if read else None)
    _out.print(f"✓ {settings.home / FOLDER / name}", markup=False)
    _out.print(f"旧密钥有效至 the old one counts until {until:%Y-%m-%d %H:%M} UTC", markup=False)


def send(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help=".json, .ndjson, .xml")],
    url: Annotated[
        str | None,
        typer.Option(help="服务地址，默认为本机运行中的。 Where OneMap answers; by default the one running here."),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="MQTT 主题。 The topic, for a feed of a broker.")] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """签名并发送（MQTT 则发布）一个文件，试通数据源。 Sign a file and send it, as the feed's sender would.

    例 for example:  ./onemap feed send hotline ticket.json
    """
    settings = settings_of(home, config)
    definition = feed_of(settings.feeds.folder, name)
    if isinstance(definition, FetchedFeed):
        _out.print(f"✓ {asyncio.run(definition.publish(file, settings.home, topic))}", markup=False)
        return
    key = read_secret(definition.secret, settings.home, os.environ) if definition.secret else None
    trust = trust_of(settings.server.tls_certificate, url)
    with open_client(url or running_address(settings.home), trust) as client:
        posted = post(client, definition, key, file)
    _out.print(", ".join(f"{count:,} {word}" for word, count in posted.counts.items()), markup=False)
    for one in posted.refused[:10]:
        _out.print(f"✗ 第 {one['index']} 条 no. {one['index']}: {one['reason']}: {one['detail']}", markup=False)
    raise typer.Exit(1 if posted.refused else 0)


def enable(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """启用数据源，无需重启。 Switch a feed on in its file; what runs notices by itself."""
    _switch(settings_of(home, config), name, enabled=True)


def disable(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """停用数据源，无需重启。 Switch a feed off in its file; what runs notices by itself."""
    _switch(settings_of(home, config), name, enabled=False)


def _switch(settings: Settings, name: str, *, enabled: bool) -> None:
    changed = switch(settings.feeds.folder, name, enabled=enabled)
    word = "启用 on" if enabled else "停用 off"
    _out.print(f"✓ {name}: {word}{'' if changed else '（本来如此 as before）'}", markup=False)


def _look(settings: Settings, definitions: Mapping[str, FeedDefinition] | None = None) -> FeedStates:
    async def look(url: str) -> FeedStates:
        async with connected(url, Role.READ) as connection:
            known = read_registry(settings.feeds.folder).by_name if definitions is None else definitions
            return await read_health(connection, known)

    with open_current(settings) as url:
        return asyncio.run(look(url))


def _row(feed: FeedState) -> tuple[str, ...]:
    counters, rate = feed.counters, feed.per_minute[1]
    return (
        feed.definition.name,
        feed.definition.protocol,
        LIFE[feed.life],
        span(counters.get(AGE)),
        span(counters.get("lag_s")),
        "" if rate is None else f"{rate:,.0f}",
        f"{counters.get('received', 0):,}",
        f"{sum(feed.refused.values()):,}",
    )


def _remarks(feed: FeedState) -> Iterator[str]:
    """Yield the remarks on a feed: waiting refusals, and faults of its connector."""
    name, connector = feed.definition.name, feed.connector
    if feed.refused:
        yield f"{name}: 拒收待处理 refused, waiting: {', '.join(f'{why} × {n:,}' for why, n in feed.refused.items())}"
    if connector is not None and connector.state not in {"working", "stopped"}:
        yield f"{name}: 连接 connector: {connector.state}; {connector.fault or ''}".rstrip("; ")
