"""``onemap up``: starts everything up to the map; Ctrl-C stops everything that it started and nothing else."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from rich.console import Console

from layers.cluster import PrivateCluster, home_lock, supervisor_of
from layers.cluster.login import open_web_login
from layers.cluster.place import find_place
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import prepare
from server.demo.accounts import DemoAccount, holds_demo, make_once
from server.demo.accounts import show as show_accounts
from server.demo.load import load_demo_once, load_rasters_once
from server.identity.operator_token import ensure_operator_token
from server.processes.supervisor import supervise
from server.running import forget_address, note_address, what_runs
from server.settings import Settings
from server.wire.certificate import server_context
from server.wire.listen import Listening, is_reached_from_here_alone, listen

_console = Console(stderr=True, highlight=False)
_INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def up(
    host: Annotated[str | None, typer.Option(help="监听地址。 Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="端口，0 为任意。 Port (8000); 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="网页进程数。 Web processes (2).")] = None,
    demo: Annotated[bool, typer.Option(help="是否装入合成演示数据。 Load the synthetic district when empty.")] = True,
    live: Annotated[bool, typer.Option(help="演示城市是否持续上报。 Let the demo city live.")] = True,
    demo_scale: Annotated[float | None, typer.Option(help="演示规模。 Scale of the demo (1); 0.02 is quick.")] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """启动一切，直到地图可用。 Start everything, to the map; Ctrl-C stops it all.

    自建的 PostGIS 只有套接字，没有端口；用 ONEMAP_DATABASE_URL 可改用已有的数据库。
    The private PostGIS has a socket and no port; ONEMAP_DATABASE_URL takes a database you have instead.
    """
    settings = settings_of(
        home,
        config,
        server={"host": host, "port": port, "workers": workers},
        demo={"enabled": None if demo else False, "live": None if live else False, "scale": demo_scale},
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore SIGINT
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: signal.raise_signal(signal.SIGINT))  # one way to stop
    if supervisor_of(settings.home) is not None:
        _console.print(f"已在运行 it already runs: {what_runs(settings.home)}", markup=False)
        return
    answered = False

    def ready() -> None:
        nonlocal answered
        answered = True

    try:
        with ExitStack() as started:
            _run(settings, started, ready)
    except KeyboardInterrupt:
        raise typer.Exit(0 if answered else _INTERRUPTED) from None


def _run(settings: Settings, started: ExitStack, answers: Callable[[], None]) -> None:
    began = time.monotonic()
    _check_certificate(settings)
    listening = started.enter_context(listen(settings.server))
    started.callback(_console.print, "已停止 stopped")
    started.callback(forget_address, settings.home)
    cluster = PrivateCluster(settings.home) if settings.database.url is None else None
    url = _start_database(settings, cluster, started)
    settings = _with_database(settings, url=url)
    if not asyncio.run(_fill(url, settings)):  # no simulated city beside a person's rows
        settings = settings.model_copy(update={"demo": settings.demo.model_copy(update={"live": False})})
    if cluster is not None:
        settings = _with_database(settings, web_url=asyncio.run(open_web_login(url)))
    token = ensure_operator_token(settings.home)
    accounts = asyncio.run(_demo_accounts(url, settings))

    def ready(health: dict[str, Any]) -> None:
        note_address(settings.home, listening.address)
        answers()
        _announce(listening, health, token, time.monotonic() - began, settings)
        if accounts:
            show_accounts(accounts, _console)

    asyncio.run(_keep(cluster, supervise(settings, listening, ready)))


def _check_certificate(settings: Settings) -> None:
    """Raise in words when the certificate cannot be used; a worker would say so only after the database has started."""
    server = settings.server
    if server.tls_certificate is not None and server.tls_key is not None:
        server_context(server.tls_certificate, server.tls_key)


def _with_database(settings: Settings, **changed: str) -> Settings:
    return settings.model_copy(update={"database": settings.database.model_copy(update=changed)})


async def _keep(cluster: PrivateCluster | None, serving: Coroutine[Any, Any, None]) -> None:
    """Serve, and restart the private database whenever it ends."""
    keeper = asyncio.create_task(cluster.keep(_console.print)) if cluster else None
    try:
        await serving
    finally:
        if keeper:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


def _start_database(settings: Settings, cluster: PrivateCluster | None, started: ExitStack) -> str:
    if cluster is None:
        started.enter_context(home_lock(settings.home))
        return str(settings.database.url)
    with _console.status("启动数据库 starting the database"):
        url = started.enter_context(cluster)
    place = find_place(settings.home)
    if place and not place.folder.is_relative_to(settings.home):
        _console.print(
            f"数据库账户无法进入 {settings.home}，数据放在 {place.folder}\n"
            f"the database's account cannot enter {settings.home}; its data are in {place.folder}"
        )
    return url


async def _fill(url: str, settings: Settings) -> bool:
    """Bring the database up to date; return whether it holds the demo district."""
    migrated = await prepare(url, settings.layers)
    if migrated:
        _console.print(f"数据库迁移 database migrated to {migrated[-1]} ({len(migrated)})")
    loaded = await load_demo_once(url, settings.demo, _console)
    if loaded:
        await load_rasters_once(url, settings.demo, settings.home)
    return loaded


async def _demo_accounts(url: str, settings: Settings) -> list[DemoAccount]:
    """Make accounts for the roles of a demo that this machine alone can reach; empty when they exist."""
    if not settings.demo.enabled or not is_reached_from_here_alone(settings.server) or not await holds_demo(url):
        return []
    return await make_once(url, settings)


def _announce(
    listening: Listening, health: dict[str, Any], token: str | None, seconds: float, settings: Settings
) -> None:
    layers, address = health.get("layers", {}), listening.address
    _console.print(f"\n[bold green]{address}[/]   地图 map", f"{address}/ogc   OGC API", sep="\n")
    _console.print(f"{len(layers)} 个图层 layers, {sum(layers.values()):,} 个要素 features, {seconds:.1f} s")
    if token:
        _console.print(
            f"操作员令牌（仅显示一次，保存在 {settings.home}/operator-token）\n"
            f"operator's token, shown this once: [bold]{token}[/]"
        )
    if listening.operators_address:
        _console.print(f"{listening.operators_address}   管理端口 operators' port")
    if not is_reached_from_here_alone(settings.server):
        _console.print("[yellow]整个网络均可访问 the whole network can reach this address[/]")
    _console.print("按 Ctrl-C 停止 Ctrl-C stops everything")
