"""Tests of the second run of `./onemap test`: it runs only tests whose browser was lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from server.commands.test import browser_lost_in as run_again

LOST = "raise RuntimeError('Page.click: Target page, context or browser has been closed')"
LOST_IN_SETUP = "raise RuntimeError('BrowserType.launch: Target page, context or browser has been closed')"


@pytest.fixture
def report(tmp_path):
    """Run tests in a temporary folder: ``report(name="body", …)`` returns pytest's report."""

    def run(**bodies):
        tests = [f"def test_{name}(n=0):\n    {body}\n" for name, body in bodies.items()]
        folder = tmp_path / "tests" / "deep"
        folder.mkdir(parents=True)
        (folder / "test_made.py").write_text("import pytest\n" + "\n".join(tests), encoding="utf-8")
        written = tmp_path / "report.xml"
        command = [sys.executable, "-m", "pytest", "--import-mode=importlib", f"--junit-xml={written}", "-q", "tests"]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
        return written

    return run


def test_a_lost_browser_is_tried_again_by_name(tmp_path, report):
    again = run_again(report(good="pass", lost=LOST, launch=LOST_IN_SETUP), tmp_path)
    assert again == ["tests/deep/test_made.py::test_lost", "tests/deep/test_made.py::test_launch"]


@pytest.mark.parametrize("body", ["assert n == 1", "raise TimeoutError('waited')", "raise ConnectionError('refused')"])
def test_nothing_is_tried_again_when_anything_else_failed(tmp_path, report, body):
    assert run_again(report(lost=LOST, other=body), tmp_path) == []


def test_no_report_and_no_failure_name_nothing(tmp_path, report):
    assert run_again(tmp_path / "none.xml", tmp_path) == []
    assert run_again(report(good="pass"), tmp_path) == []
