"""``onemap demo …``: scenarios of the synthetic district."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from layers.cluster.lock import hold
from layers.errors import Conflict, Unavailable
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import in_database
from server.demo.accounts import reset as reset_accounts
from server.demo.accounts import show as show_accounts
from server.demo.district_reader import read_district
from server.demo.storm import COLLECTIONS, Minute, Playing
from server.feeds.key import ensure_feed_key
from server.feeds.sender import FeedSender, connect
from server.identity.operator_token import read_operator_token
from server.processes.city import FEED, STORM_LOCK
from server.running import running_address
from server.settings import Settings
from server.wire.certificate import trust_of
from twin.city.storm import MINUTES_MAX, MINUTES_MIN, SPEED_MAX, Storm, StormPlan

WARNINGS = "warnings_cap"
_PHASE = {
    "warning": "预警发布，雨未到 warned, no rain yet",
    "rising": "雨势增强 it rains harder",
    "peak": "雨峰过境 the peak passes",
    "easing": "雨势减弱 it eases",
    "receding": "雨停退水 the rain is over, the water recedes",
}
_COLOUR = {
    "Yellow": "[yellow]黄色预警 yellow warning[/]",
    "Orange": "[dark_orange]橙色预警 orange warning[/]",
    "Red": "[red]红色预警 red warning[/]",
    "none": "预警解除 the warning is cancelled",
}
_console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="演示城市。 The demo city.", no_args_is_help=True)
    group.callback()(_group)
    group.command()(storm)
    group.command()(accounts)
    app.add_typer(group, name="demo")


def _group() -> None:
    """演示城市（合成数据）。 The demo city (synthetic)."""


def accounts(
    reset: Annotated[bool, typer.Option("--reset", help="换新口令，结束其会话。 New passwords; sessions end.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """演示账户：每个角色一个，仅限本机登录。 The accounts of the demo, one a role, for logins on this machine."""
    if not reset:
        _console.print("口令不可重看，只能换新 passwords cannot be shown again; --reset makes new ones", markup=False)
        raise typer.Exit(1)
    settings = settings_of(home, config)
    show_accounts(in_database(settings, lambda connection: reset_accounts(connection, settings)), _console)


def storm(
    minutes: Annotated[
        int, typer.Option(min=MINUTES_MIN, max=MINUTES_MAX, help="降雨历时（分钟）。 How long it rains, minutes.")
    ] = 60,
    return_period: Annotated[
        float, typer.Option(min=1, max=1000, help="重现期（年）。 Return period of the design storm, years.")
    ] = 100,
    speed: Annotated[
        float, typer.Option(min=1, max=SPEED_MAX, help="快放倍数。 Minutes of the storm in a minute of the clock.")
    ] = 10,
    url: Annotated[
        str | None,
        typer.Option(
            help="服务地址（令牌取自 ONEMAP_TOKEN）。 Address of the service (a token comes from ONEMAP_TOKEN);"
            " else that of what runs on the home.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """在演示城市里播放一场设计暴雨。 Play a cloudburst: rain, levels, ponding, alarms, calls, warnings.

    通过公开的数据源接口推送；Ctrl-C 提前结束并收尾。
    It pushes to the public feeds like any sender; Ctrl-C ends it early and closes what it opened.
    """
    for name in (signal.SIGINT, signal.SIGTERM):  # background jobs of a shell ignore SIGINT
        signal.signal(name, signal.default_int_handler)
    settings = settings_of(home, config)
    with _alone(settings.home):
        try:
            asyncio.run(_play(settings, url, StormPlan(0, minutes, return_period, speed)))
        except KeyboardInterrupt:
            _console.print("已提前结束并收尾 ended early; what it opened is closed")
            raise typer.Exit from None


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the lock of storms; meanwhile the simulated city, which checks this lock, reports no water levels.

    Raises
    ------
    Conflict
        When another storm is being played.
    """
    home.mkdir(parents=True, exist_ok=True)
    try:
        with hold(home / STORM_LOCK):
            yield
    except Conflict as error:
        raise Conflict("a storm is being played already; wait for its end, or end it with Ctrl-C there") from error


async def _play(settings: Settings, url: str | None, options: StormPlan) -> None:
    address, trust = url or running_address(settings.home), trust_of(settings.server.tls_certificate, url)
    async with connect(address, _token(settings.home, url), trust=trust) as client:
        district = await read_district(client, COLLECTIONS)
        plan = StormPlan(int(time.time()), options.minutes, options.return_period_a, options.speed)
        played = Storm(district, settings.demo.seed, plan)
        if not played.water.gauges and not played.water.points:
            raise Unavailable(f"{address} has no rain gauges and no flood risk points; the demo district has")
        _announce(played)
        sender = FeedSender(client, FEED, ensure_feed_key(FEED, settings.home))
        warner = FeedSender(client, WARNINGS, ensure_feed_key(WARNINGS, settings.home))
        with _Progress(played) as progress:
            await Playing(played, sender, warner, progress.show).play()
        sent = sender.sent
        _console.print(
            f"结束 over: {sent.accepted + warner.sent.accepted:,} 条消息 messages, "
            f"{sent.rejected + warner.sent.rejected} 条被拒 refused"
        )


def _token(home: Path, url: str | None) -> str | None:
    """Return the token to read the district with: that of a home and that of another service stay with their own."""
    return read_operator_token(home) if url is None else os.environ.get("ONEMAP_TOKEN")


def _announce(played: Storm) -> None:
    rain, plan = played.hyetograph, played.plan
    _console.print(
        f"[bold]设计暴雨 design storm[/] P = {rain.return_period_a:g} a, {rain.minutes:g} min: {rain.total_mm:.1f} mm\n"
        f"{rain.formula.standard}（{rain.formula.standard_version}），芝加哥雨型 Chicago hyetograph\n"
        f"{played.lasts_min} 分钟，{plan.speed:g} 倍速，约 {played.lasts_min / plan.speed:.0f} 分钟播完 "
        f"it takes about {played.lasts_min / plan.speed:.0f} minutes"
    )


class _Progress:
    """A progress bar, and a line for every phase and warning."""

    def __init__(self, played: Storm) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=_console, transient=True)
        self._task = self._bar.add_task("暴雨 storm", total=played.lasts_min)
        self._phase = ""
        self._calls = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, minute: Minute) -> None:
        """Show the state after a minute of the storm."""
        self._calls += minute.calls
        figures = f"雨强 rain {minute.rain_mm_h:.0f} mm/h · 最深积水 deepest {minute.deepest_m:.2f} m"
        counts = f"来电 calls {self._calls}"
        for colour in minute.warnings:
            _console.print(f"{minute.number:4} min  {_COLOUR[colour]}")
        if minute.phase != self._phase:
            self._phase = minute.phase
            _console.print(f"{minute.number:4} min  {_PHASE[minute.phase]} · {figures} · {counts}")
        self._bar.update(self._task, completed=minute.number + 1, description=f"{figures} · {counts}")
