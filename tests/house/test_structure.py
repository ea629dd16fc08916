"""The order of the code: folders a newcomer can take in, one name for one thing, and no circle of imports."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.house.test_house import tracked
from tests.sources import PACKAGES, python_files

PROJECT = Path(__file__).resolve().parents[2]
MODULES_MAX = 25
NAMED = re.compile(r"`((?:layers|tiles|twin|server|benchmarks|tests)/[\w/-]+(?:\.\w+)?)`")
SHELVED = (*PACKAGES, "benchmarks", "tests")


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(tree: ast.Module, modules: Container[str]) -> Iterator[str]:
    """Yield what a module imports anywhere in its text: at its top, in a function, and for type checkers alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules else node.module


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """The modules that each module imports."""
    trees = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in python_files()}
    return {name: {*imported_by(tree, trees)} & trees.keys() - {name} for name, tree in trees.items()}


def circle_of(imports: Mapping[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


def test_a_folder_holds_no_more_than_a_newcomer_can_take_in():
    count = defaultdict(int)
    for path in python_files(*SHELVED):
        count[path.parent.relative_to(PROJECT)] += path.name != "__init__.py"
    assert not {str(folder): modules for folder, modules in count.items() if modules > MODULES_MAX}


def test_no_module_imports_what_imports_it(imports):
    assert circle_of(imports) is None


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_imports_what_imports_it(imports, package):
    folders = defaultdict(set)
    for name, others in imports.items():
        mine = name.split(".")[:2]
        folders[".".join(mine)] |= {".".join(other.split(".")[:2]) for other in others} - {".".join(mine)}
    inside = {one: others for one, others in folders.items() if one.split(".")[0] == package}
    assert circle_of(inside) is None


def test_a_path_that_is_named_exists():
    """Documents, docstrings and comments outlive the files they name."""
    texts = [path for path in tracked("*.md", "*.py", "*.yaml", "*.toml") if path.name != "CHANGES.md"]
    named = {(path, name) for path in texts for name in NAMED.findall(path.read_text(encoding="utf-8"))}
    assert not [
        f"{path.relative_to(PROJECT)} → {name}" for path, name in sorted(named) if not (PROJECT / name).exists()
    ]


def public_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the classes and types that a module defines for others."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.TypeAlias) and not node.name.id.startswith("_"):
            yield node.name.id


def test_a_public_class_has_a_name_of_its_own():
    """A name in a stack trace, or found by a search, leads to one thing."""
    places = defaultdict(list)
    for path in python_files(*PACKAGES, "benchmarks"):
        for name in public_names(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(str(path.relative_to(PROJECT)))
    assert not {name: paths for name, paths in places.items() if len(paths) > 1}
