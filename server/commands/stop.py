"""``onemap stop``: stops the service of a home folder."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from layers.cluster import running_url, stop_cluster, supervisor_of, wait_until_free
from layers.errors import BadInput
from server.command_options import ConfigOption, HomeOption, settings_of
from server.running import what_runs

_console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stop)


def stop(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不再询问。 Do not ask.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """停止在此目录上运行的一切。 Stop what runs on this home, and nothing else.

    未给出 --home 时先询问。 Without --home it asks first: others may be reading the map.
    """
    folder = settings_of(home, config).home
    supervisor = supervisor_of(folder)
    if supervisor is None and not running_url(folder):
        _console.print(f"没有在运行 nothing runs on {folder}")
        return
    if home is None and not yes:
        _ask(folder)
    if supervisor is not None:
        with suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGTERM)
        wait_until_free(folder)
    else:
        stop_cluster(folder)  # a killed `up` left it running
    _console.print(f"已停止 stopped: {folder}")


def _ask(folder: Path) -> None:
    running = what_runs(folder)
    _console.print(f"正在运行 running on {folder}: {running}", markup=False)
    if not sys.stdin.isatty():
        raise BadInput("要停止它，请给出 --home 或 --yes; to stop it, give --home or --yes", parameter="home")
    typer.confirm("停止吗 stop it?", abort=True)
