"""Docstrings name the errors that callers must expect."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.sources import python_files

PROJECT = Path(__file__).resolve().parents[2]
SHOWN_TO_USERS = ("server/commands/", "server/routes/")  # their docstrings are help texts and the OpenAPI document


def raised_by(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the classes that a function's own statements raise; functions inside it are not its own."""
    found, rest = set(), list[ast.AST](function.body)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(error, ast.Name) and error.id[0].isupper():
                found.add(error.id)
        rest.extend(ast.iter_child_nodes(node))
    return found


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    public = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for owner in (tree, *public):
        for node in owner.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield node


def test_a_public_function_documents_what_it_raises():
    places = {path: str(path.relative_to(PROJECT)) for path in python_files()}
    assert not [
        f"{place}: {function.name}"
        for path, place in places.items()
        if not place.startswith(SHOWN_TO_USERS)
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8")))
        if raised_by(function) and "Raises" not in (ast.get_docstring(function) or "")
    ]
