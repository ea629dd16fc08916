"""Tests of the set-up script: its help, no repeated work, remedies in its errors."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli import command
from server.installation import PROJECT

TOOLS = (
    *("bash", "basename", "cat", "cut", "date", "dirname", "env", "flock", "grep", "id"),
    *("mktemp", "readlink", "rm", "sha256sum", "sort", "tail", "tee"),
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the script and of the files it reads, in a temporary folder."""
    for name in ("onemap", "requirements.txt", "requirements-dev.txt", "requirements-node.txt", "config/onemap.toml"):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with common tools and without Python, apt-get and sudo."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return str(folder)


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script / "onemap", *arguments],
        env={"HOME": str(script), "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def command_names() -> set[str]:
    """Return the commands: the modules that register one; others are parts of them."""
    files = (PROJECT / "server" / "commands").glob("[a-z]*.py")
    return {file.stem.replace("_", "-") for file in files if "def register(" in file.read_text(encoding="utf-8")}


def test_help_needs_nothing_and_names_every_command(copy: Path, bare_path: str):
    result = run(copy, "--help", PATH=bare_path)
    assert result.returncode == 0, result.stderr
    for name in command_names():
        assert f"./onemap {name}" in result.stdout


def test_every_command_has_help_in_both_languages():
    for name in sorted(command_names() - {"test"}):  # `test --help` prints pytest's help
        result = CliRunner().invoke(command(), [name, "--help"], prog_name="onemap")
        assert result.exit_code == 0, result.output
        assert_helps(result.output, name)


@pytest.mark.parametrize("name", ["up", "layer"])  # a command, and a group of commands
def test_a_process_helps_as_well(name: str):
    result = subprocess.run(
        [sys.executable, "-P", "-m", "server.cli", name, "--help"],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert_helps(result.stdout, name)


def assert_helps(said: str, name: str) -> None:
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said), name
    assert "Usage" in said, name


def test_without_python_it_stops_with_the_ways_out(copy: Path, bare_path: str):
    result = run(copy, "up", PATH=bare_path)
    assert result.returncode == 1
    for way in ("pyenv install 3.12", "uv python install", "apt-get install python3", "PYTHON=/path"):
        assert way in result.stderr
    assert not (copy / ".venv").exists()


def test_python_is_found_among_pyenvs_versions_and_a_failed_install_is_tried_again(copy: Path, bare_path: str):
    real = Path(sys.base_prefix) / "bin" / "python3"
    pyenv = copy / "pyenv" / "versions" / "3.12.99" / "bin"
    pyenv.mkdir(parents=True)
    (pyenv / "python3").write_text(f'#!/bin/bash\nexec {real} "$@"\n', encoding="utf-8")
    (pyenv / "python3").chmod(0o755)
    environment = {"PYENV_ROOT": str(copy / "pyenv"), "PIP_NO_INDEX": "1", "ONEMAP_DATABASE_URL": "postgresql:///x"}
    result = run(copy, "layers", PATH=bare_path, **environment)
    assert result.returncode == 1
    assert "虚拟环境" in result.stderr
    assert "PIP_FIND_LINKS" in result.stderr, "the way out without a network"
    assert (copy / ".venv" / "bin" / "python").exists()
    assert not list((copy / ".venv").glob(".*.stamp")), "what failed must not count as done"


def test_what_is_stamped_is_not_done_again(copy: Path, bare_path: str):
    programs = copy / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "pip"):
        (programs / name).write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    stamp = hashlib.sha256((copy / "requirements.txt").read_bytes()).hexdigest()
    (copy / ".venv" / ".requirements.stamp").write_text(f"{stamp}  -\n", encoding="utf-8")
    result = run(copy, "load", "a file.csv", PATH=bare_path, ONEMAP_DATABASE_URL="postgresql:///x")
    assert result.stderr == ""
    assert result.stdout.splitlines() == ["-P", "-m", "server.cli", "load", "a file.csv"]
    (copy / "requirements.txt").write_text("changed\n", encoding="utf-8")
    result = run(copy, "load", "a file.csv", PATH=bare_path, ONEMAP_DATABASE_URL="postgresql:///x")
    assert "安装 Python 依赖" in result.stderr


@pytest.mark.parametrize("script", ["onemap", ".ci/run"])
def test_the_scripts_are_sound(script: str):
    subprocess.run(["bash", "-n", PROJECT / script], check=True)
    assert (PROJECT / script).stat().st_mode & 0o111
    if shutil.which("shellcheck"):  # GPL, so it is not among the requirements
        subprocess.run(["shellcheck", PROJECT / script], check=True)
