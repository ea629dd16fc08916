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
from tests.databases import temporary_database
from tests.running_app import OPERATOR, running_for_operator

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


def requests_in(path: Path, language: str = "http") -> list[str]:
    """Return the addresses in a document's `http` blocks, or those for an `operator`, with long ones joined."""
    blocks = re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"\n +", "", "\n".join(blocks))
    return [line.removeprefix("GET ") for line in text.splitlines() if line.startswith("GET ")]


REQUESTS = [(path.relative_to(PROJECT), line) for path in DOCUMENTS for line in requests_in(path)]
_OVER_OTHER_DATA = {"ways.md", "history.md"}  # whose operator's questions are asked in tests of their own
FOR_OPERATORS = [
    (path.relative_to(PROJECT), line)
    for path in DOCUMENTS
    for line in requests_in(path, "operator")
    if path.name not in _OVER_OTHER_DATA
]
RUN = {
    "python": {"bulk-data", "client-developer", "history", "notebooks", "qgis", "sensors", "streams", "tiles"},
    "sh": {"client-developer", "grid-worker", "history", "indicators", "processes", "sensors", "streams", "tiles"},
    "json": {"ways"},
}
"""Guides whose blocks of a language are run, by tests that name them."""
OF_WHAT_HAPPENED = {
    "/twin/refused/{refused_id}", "/twin/incomplete/{event_id}/addresses", "/twin/events/{event_id}/log",
    "/twin/features/{layer}/{feature_id}/track",
}  # fmt: skip
"""Operations about something that a district without feeds has not: told in words, and asked in tests of their own."""


def test_there_are_requests_to_try():
    assert len(REQUESTS) > 10


@pytest.fixture(scope="module")
def client(cluster, district_template, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with (
        temporary_database(cluster, district_template) as url,
        running_for_operator(home, url) as address,
        httpx.Client(base_url=address, timeout=30) as http,
    ):
        yield http


def test_requests_in_the_documents_answer(client):
    answers = {f"{path}: {line}": client.get(line) for path, line in REQUESTS}
    answers |= {f"{path}: {line}": client.get(line, headers=OPERATOR) for path, line in FOR_OPERATORS}
    assert {what: answer.text for what, answer in answers.items() if answer.status_code != 200} == {}


def examples() -> str:
    """Return all that tests run of the guides."""
    found = []
    for path in DOCUMENTS:
        for language, block in re.findall(r"```(\w+)\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            if language in {"http", "operator"} or path.stem in RUN.get(language, ()):
                found.append(block)
    return "\n".join(found)


def test_every_operation_has_an_example_that_is_run(client):
    """Those that read are in a block that a test runs; those that write are told in a guide."""
    paths = client.get("/openapi.json").json()["paths"]
    operations = {
        path: said for path, said in paths.items() if path.startswith(("/twin/", "/sta/", "/live", "/raster"))
    }
    assert len(operations) > 50
    run, told = examples(), "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    lacking = []
    for path, said in operations.items():
        form = re.compile(re.sub(r"\\\{\w+\\\}", r"[^/\\s`?]+", re.escape(path)) + r"(?![\w/-])")
        reads = "get" in said and path not in OF_WHAT_HAPPENED
        if not form.search(run if reads else told):
            lacking.append(path)
    assert lacking == []
