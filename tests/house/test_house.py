"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LINES_MAX = 350
FUNCTION_LINES_MAX = 60
PACKAGES = ("layers", "tiles", "twin", "server", "benchmarks")
REGISTRIES = re.compile(r"pyp[i]\.org|pythonhoste[d]\.|registry\.npmj[s]|deb\.debia[n]|files\.pyth[o]n")
MACHINE = re.compile(r"/(?:wor[k]|roo[t]|hom[e]/\w+)/")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def tracked(*patterns: str) -> list[Path]:
    """Return the files git tracks or would track, so that a new file counts before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [PROJECT / name for name in listed.stdout.splitlines() if (PROJECT / name).is_file()]


SOURCES = [path for path in tracked("*.py", "*.js", "*.mjs") if path.relative_to(PROJECT).parts[0] in PACKAGES]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_a_file_is_one_noun(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LINES_MAX, f"{path.name} has {lines} lines; split it by noun"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".py"], ids=lambda p: str(p.relative_to(PROJECT)))
def test_a_function_fits_on_a_screen(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    long = [n.name for n in functions if (n.end_lineno or 0) - n.lineno + 1 > FUNCTION_LINES_MAX]
    assert not long, f"{path.name}: {long} are longer than {FUNCTION_LINES_MAX} lines"


def test_no_file_is_a_bag():
    bags = {"utils.py", "helpers.py", "common.py", "data.py", "info.py", "misc.py"}
    assert not [path for path in SOURCES if path.name in bags]


def test_no_registry_address_and_no_path_of_a_machine_is_in_the_repository():
    found = []
    for path in tracked():
        if path.suffix in {".png", ".jpg", ".woff2", ".pbf", ".zip"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path.relative_to(PROJECT)}: {m[0]}" for m in (REGISTRIES.search(text), MACHINE.search(text)) if m]
    assert not found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_with_hashes_and_name_no_address(name):
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index|--extra-index|--find-links", text)
    pins = re.findall(r"^([a-z0-9._-]+)(\S*)", text, flags=re.MULTILINE)
    assert len(pins) > 20
    assert all(version.startswith("==") for _, version in pins)
    assert text.count("--hash=sha256:") >= len(pins)


def test_page_modules_are_locked_with_integrity_and_name_no_address():
    lock = json.loads((PROJECT / "server" / "web" / "package-lock.json").read_text(encoding="utf-8"))
    modules = {name: module for name, module in lock["packages"].items() if name}
    assert modules
    assert all(module["integrity"].startswith("sha512-") for module in modules.values())
    assert not [name for name, module in modules.items() if "resolved" in module]


def test_a_person_finds_the_way():
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGES.md", "LICENSE", ".ci/run"):
        assert (PROJECT / name).is_file(), f"{name} is missing"
    assert "Apache License" in (PROJECT / "LICENSE").read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere():
    links = [(path, link) for path in tracked("*.md") for link in LINK.findall(path.read_text(encoding="utf-8"))]
    assert not [f"{path.relative_to(PROJECT)} → {link}" for path, link in links if not (path.parent / link).exists()]


def test_no_pattern_ends_before_a_newline():
    """In Python `$` also matches before a last newline: ``"host\n"`` passed for a host. Guards use `fullmatch`."""
    found = []
    for path in SOURCES:
        if path.suffix == ".py":
            calls = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
            found += [f"{path.relative_to(PROJECT)}:{call.lineno}" for call in calls if _ends_at_a_line(call)]
    assert not found


def _ends_at_a_line(call: ast.Call) -> bool:
    """Whether a call of `re` may take a text with a newline at its end for one without."""
    function = call.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "re"):
        return False
    if function.attr == "match" or not call.args:
        return function.attr == "match"
    pieces = [n.value for n in ast.walk(call.args[0]) if isinstance(n, ast.Constant)]
    last = next((p for p in reversed(pieces) if isinstance(p, str | bytes)), "")
    last = last.decode("latin-1") if isinstance(last, bytes) else last
    multiline = any(isinstance(n, ast.Attribute) and n.attr in {"MULTILINE", "M"} for n in ast.walk(call))
    return function.attr != "fullmatch" and last.endswith("$") and not last.endswith(r"\$") and not multiline
