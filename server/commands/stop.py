"""``onemap stop``: ends what runs on a home."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import typer
from rich.console import Console

from layers.cluster import running_url, stop_cluster, supervisor_of, wait_until_free
from server.commands.options import ConfigOption, HomeOption, settings_of

_console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stop)


def stop(home: HomeOption = None, config: ConfigOption = None) -> None:
    """停止在此目录上运行的一切。 Stop what runs on this home, and nothing else."""
    folder = settings_of(home, config).home
    supervisor = supervisor_of(folder)
    if supervisor is not None:
        with suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGTERM)
        wait_until_free(folder)
    elif running_url(folder):
        stop_cluster(folder)  # a killed `up` left it running
    else:
        _console.print(f"没有在运行 nothing runs on {folder}")
        return
    _console.print(f"已停止 stopped: {folder}")
