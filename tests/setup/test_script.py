"""The set-up script: teaches, does nothing twice, and names the ways out."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.settings import PROJECT

TOOLS = (
    *("bash", "basename", "cat", "cut", "date", "dirname", "env", "flock", "grep", "id"),
    *("mktemp", "readlink", "rm", "sha256sum", "sort", "tail", "tee"),
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the script and of what it reads, in a folder of its own."""
    for name in ("onemap", "requirements.txt", "requirements-dev.txt", "requirements-node.txt", "config/onemap.toml"):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with the commonest tools, without Python, apt-get or sudo."""
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


def test_help_needs_nothing_and_names_every_command(copy: Path, bare_path: str):
    said = run(copy, "--help", PATH=bare_path)
    assert said.returncode == 0, said.stderr
    for file in (PROJECT / "server" / "commands").glob("[a-z]*.py"):
        if file.stem != "options":
            assert f"./onemap {file.stem}" in said.stdout


def test_every_command_has_help_in_both_languages():
    for file in (PROJECT / "server" / "commands").glob("[a-z]*.py"):
        if file.stem in {"options", "test"}:  # `test --help` is pytest's
            continue
        said = subprocess.run(
            [sys.executable, "-P", "-m", "server.cli", file.stem, "--help"],
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert any("\u4e00" <= letter <= "\u9fff" for letter in said.stdout), file.stem
        assert "Usage" in said.stdout


def test_without_python_it_stops_with_the_ways_out(copy: Path, bare_path: str):
    said = run(copy, "up", PATH=bare_path)
    assert said.returncode == 1
    for way in ("pyenv install 3.12", "uv python install", "apt-get install python3", "PYTHON=/path"):
        assert way in said.stderr
    assert not (copy / ".venv").exists()


def test_python_is_found_among_pyenvs_versions_and_a_failed_install_is_tried_again(copy: Path, bare_path: str):
    real = Path(sys.base_prefix) / "bin" / "python3"
    pyenv = copy / "pyenv" / "versions" / "3.12.99" / "bin"
    pyenv.mkdir(parents=True)
    (pyenv / "python3").write_text(f'#!/bin/bash\nexec {real} "$@"\n', encoding="utf-8")
    (pyenv / "python3").chmod(0o755)
    environment = {"PYENV_ROOT": str(copy / "pyenv"), "PIP_NO_INDEX": "1", "ONEMAP_DATABASE_URL": "postgresql:///x"}
    said = run(copy, "layers", PATH=bare_path, **environment)
    assert said.returncode == 1
    assert "虚拟环境" in said.stderr
    assert "PIP_FIND_LINKS" in said.stderr, "the way out without a network"
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
    said = run(copy, "load", "a file.csv", PATH=bare_path, ONEMAP_DATABASE_URL="postgresql:///x")
    assert said.stderr == ""
    assert said.stdout.splitlines() == ["-P", "-m", "server.cli", "load", "a file.csv"]
    (copy / "requirements.txt").write_text("changed\n", encoding="utf-8")
    said = run(copy, "load", "a file.csv", PATH=bare_path, ONEMAP_DATABASE_URL="postgresql:///x")
    assert "安装 Python 依赖" in said.stderr


@pytest.mark.parametrize("script", ["onemap", ".ci/run"])
def test_the_scripts_are_sound(script: str):
    subprocess.run(["bash", "-n", PROJECT / script], check=True)
    assert (PROJECT / script).stat().st_mode & 0o111
    if shutil.which("shellcheck"):  # GPL, so it is not among the requirements
        subprocess.run(["shellcheck", PROJECT / script], check=True)
