"""``onemap status``: reports the service of a home folder and its health."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import typer
from rich.console import Console

from layers.cluster import running_url, supervisor_of
from server.command_options import ConfigOption, HomeOption, settings_of
from server.processes.own_health import read_health
from server.running import running_address
from server.settings import Settings

_out = Console(highlight=False, soft_wrap=True)
NOT_RUNNING = 3  # the exit code of systemctl


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(home: HomeOption = None, config: ConfigOption = None) -> None:
    """正在运行什么，在哪里，是否正常。 What runs on this home, where, and whether it is well.

    退出码 exit code: 0 正常 well, 1 有问题 not well, 3 未运行 not running.
    """
    settings = settings_of(home, config)
    folder = settings.home
    supervisor = supervisor_of(folder)
    if supervisor is None:
        left = "数据库仍在运行 the database still runs: ./onemap stop" if running_url(folder) else ""
        _out.print(f"未运行 not running: {folder}  {left}".rstrip(), markup=False)
        raise typer.Exit(NOT_RUNNING)
    address = running_address(folder)
    _out.print(f"正在运行 running: {address}  (进程 process {supervisor}, {folder})", markup=False)
    health = _health(address, settings)
    if health is None:
        _out.print(f"✗ 没有应答 no answer from {address}/health", markup=False)
        raise typer.Exit(1)
    layers = health.get("layers", {})
    well = health.get("status") == "ok"
    mark = "✓ 正常 well" if well else f"✗ {health.get('status')}"
    _out.print(f"{mark}: {len(layers)} 个图层 layers, {sum(layers.values()):,} 个要素 features", markup=False)
    raise typer.Exit(0 if well else 1)


def _health(address: str, settings: Settings) -> dict[str, Any] | None:
    """Return the body of `/health`, also of an error; None when there is no answer."""
    try:
        return read_health(address, settings)
    except urllib.error.HTTPError as error:
        body = error.read()
    except (OSError, ValueError):
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
