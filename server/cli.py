"""``python -m server.cli``: the command line. Errors are printed as one sentence instead of a traceback."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from layers.cluster.home import OURS
from layers.errors import (
    BadFile,
    BadInput,
    Conflict,
    Damaged,
    Forbidden,
    NotFound,
    OneMapError,
    TooMuch,
    TooOften,
    Unauthenticated,
    Unavailable,
)
from server import commands
from server.installation import COMMAND, INSTALLED, AsTyped, place_configuration
from server.processes.logs import configure_logs

_DEBUG = "ONEMAP_DEBUG"
_KINDS: dict[type[OneMapError], str] = {
    Damaged: "数据库损坏 the database is damaged",
    Unavailable: "缺少所需 something is missing",
    Conflict: "状态不允许 not possible now",
    BadFile: "文件有误 bad file",
    BadInput: "输入有误 bad input",
    NotFound: "不存在 not found",
    Unauthenticated: "身份未确认 not authenticated",
    Forbidden: "不允许 not allowed",
    TooMuch: "超出限度 too much",
    TooOften: "过于频繁 too often",
}

app = typer.Typer(
    name="onemap",
    help="OneMap 全区一张图 — 区级数字孪生地图服务。 The map server behind a district's digital twin.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help wraps; panels are cut off in a narrow terminal
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from server.build import build_id  # noqa: PLC0415  # reads every source file

        typer.echo(f"OneMap {build_id()}")
        raise typer.Exit


@app.callback()
def _group(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="版本。 Print the version.")
    ] = False,
) -> None:
    """OneMap 全区一张图 — 区级数字孪生地图服务。 The map server behind a district's digital twin."""


def _register_commands(typed: str | None = None) -> None:
    """Register the command that was typed, else all commands: importing all takes most of a second."""
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if not module.ispkg)
    for name in [typed] if typed in names else names:
        register = getattr(importlib.import_module(f"{commands.__name__}.{name}"), "register", None)
        if register is not None:
            register(app)


def command() -> Any:
    """Return the whole command line, for the reference page."""
    if not app.registered_commands:
        _register_commands()
    return typer.main.get_command(app)


def main() -> None:
    """Run the command that was typed; print an error as one sentence and exit with code 1."""
    os.umask(OURS)
    if INSTALLED:
        sys.stdout, sys.stderr = AsTyped(sys.stdout), AsTyped(sys.stderr)
        place_configuration()
    _register_commands(next(iter(sys.argv[1:]), None))
    configure_logs()
    try:
        app(prog_name=COMMAND)
    except Exception as error:
        if os.environ.get(_DEBUG):
            raise
        Console(stderr=True).print(f"✗ {sentence(error)}", style="bold red", markup=False, highlight=False)
        sys.exit(1)


def sentence(error: Exception) -> str:
    """Return an error as one sentence, with its kind in both languages.

    Errors of the database and of the file system are translated. Any other error is a fault of OneMap; the sentence
    says so, and how to see a traceback.
    """
    from layers.database.faults import in_words  # noqa: PLC0415  # asyncpg takes a tenth of a second

    known = error if isinstance(error, OneMapError) else in_words(error)
    if known is not None:
        kind = next((words for kind, words in _KINDS.items() if isinstance(known, kind)), "出错 failed")
        return f"{kind}: {known.message}"
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"文件系统 file system: {error.strerror}{where}"
    name = type(error).__name__
    return f"程序缺陷，请报告 a fault of OneMap, please report it: {name}: {error} ({_DEBUG}=1 显示位置 shows where)"


if __name__ == "__main__":
    main()
