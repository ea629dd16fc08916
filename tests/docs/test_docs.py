"""The documents are right: generated pages are current, commands exist, requests are answered."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest

from server import cli, reference
from server.commands.bench import known_benchmarks
from server.installation import PROJECT

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]


@pytest.mark.parametrize(
    ("name", "write"), [("settings.md", reference.settings_page), ("commands.md", reference.commands_page)]
)
def test_reference_pages_are_what_the_code_says(name, write):
    page = (PROJECT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert page == write(), "run: python -m server.reference"


def commands_in(path: Path) -> list[str]:
    """Return the `./onemap …` lines of a document's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("./onemap")]


WRITTEN = [(path.relative_to(PROJECT), line) for path in DOCUMENTS for line in commands_in(path)]


@pytest.mark.parametrize(("path", "line"), WRITTEN, ids=[f"{path}: {line}" for path, line in WRITTEN])
def test_commands_in_the_documents_exist_with_their_options(path, line):
    _, *words = shlex.split(line)
    found: Any = cli.command()
    while words and hasattr(found, "commands") and not words[0].startswith("-"):  # a group may work by itself
        assert words[0] in found.commands, f"{path}: there is no command {words[0]}"
        found = found.commands[words.pop(0)]
    known = {spelling for parameter in found.params for spelling in (*parameter.opts, *parameter.secondary_opts)}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known | {"--help"} or found.name in {"bench", "test"}, f"{path}: {options - known}"


def test_every_benchmark_is_listed():
    page = (PROJECT / "docs" / "reference" / "benchmarks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\./onemap bench (\w+)", page, flags=re.MULTILINE)) == set(known_benchmarks())


def requests_in(path: Path) -> list[str]:
    """Return the addresses in a document's `http` blocks, with long ones joined."""
    blocks = re.findall(r"```http\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"\n +", "", "\n".join(blocks))
    return [line.removeprefix("GET ") for line in text.splitlines() if line.startswith("GET ")]


REQUESTS = [(path.relative_to(PROJECT), line) for path in DOCUMENTS for line in requests_in(path)]


def test_there_are_requests_to_try():
    assert len(REQUESTS) > 10


def test_requests_in_the_documents_answer(district_url, live_server):
    with httpx.Client(base_url=live_server(district_url), timeout=30) as client:
        answers = {f"{path}: {line}": client.get(line) for path, line in REQUESTS}
    assert {what: answer.text for what, answer in answers.items() if answer.status_code != 200} == {}
