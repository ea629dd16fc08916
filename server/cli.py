"""``python -m server.cli``: the commands, and errors as one sentence instead of a traceback."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import typer
from rich.console import Console

from layers.errors import OneMapError
from server import commands
from server.logs import configure_logs

app = typer.Typer(
    name="onemap",
    help="OneMap 全区一张图 — 区级数字孪生地图服务。 The map server behind a district's digital twin.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    """Keep the name of a command part of the command line when only one is registered."""


def _register_commands(typed: str | None = None) -> None:
    """Register the command that was typed, or all: importing what the others need takes most of a second."""
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    for name in [typed] if typed in names else names:
        register = getattr(importlib.import_module(f"{commands.__name__}.{name}"), "register", None)
        if register is not None:
            register(app)


def command() -> Any:
    """Return the whole command line, as the reference page reads it."""
    if not app.registered_commands:
        _register_commands()
    return typer.main.get_command(app)


def main() -> None:
    """Run the command that was typed."""
    _register_commands(next(iter(sys.argv[1:]), None))
    configure_logs()
    try:
        app(prog_name="./onemap")
    except OneMapError as error:
        Console(stderr=True).print(f"✗ {error.message}", style="bold red", markup=False, highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
