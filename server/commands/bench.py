"""``onemap bench``: runs a benchmark in a process of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from layers.errors import NotFound
from server.installation import PROJECT

_FOLDER = PROJECT / "benchmarks"
_FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(context_settings=_FORWARD)(bench)


def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="名称；不写则列出。 Its name; none lists them.")] = None,
    json: Annotated[Path | None, typer.Option(help="把结果写成 JSON。 Write the rows as JSON.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="未达标则失败。 Exit 1 when a goal is missed.")] = False,
) -> None:
    """性能测试；其余选项交给它。 Run a benchmark; further options are its own."""
    benchmarks = known_benchmarks()
    if name is None:
        for known, file in benchmarks.items():
            Console().print(f"[bold]{known}[/]  {_summary(file)}", highlight=False)
        return
    if name not in benchmarks:
        raise NotFound(f"there is no benchmark {name!r}; there are: {', '.join(benchmarks) or 'none'}")
    options = [*(["--json", str(json.absolute())] if json else []), *(["--strict"] if strict else []), *context.args]
    command = [sys.executable, "-P", "-m", f"{_FOLDER.name}.{name}", *options]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603  # our own file


def known_benchmarks() -> dict[str, Path]:
    """Return the file of each benchmark, by name."""
    files = [*_FOLDER.glob("[a-z]*.py"), *_FOLDER.glob("*/__main__.py")]
    named = {file.parent.name if file.stem == "__main__" else file.stem: file for file in files if _summary(file)}
    return dict(sorted(named.items()))


def _summary(file: Path) -> str | None:
    """Return the first line of a benchmark's docstring; None for a module without ``main``, which is no benchmark."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if not any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
        return None
    return (ast.get_docstring(tree) or file.stem).splitlines()[0]
