"""All numbers of advisory locks are in one table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from layers.database.advisory_locks import AdvisoryLock
from layers.schema.sql_files import sql_files
from tests.sources import python_files

PROJECT = Path(__file__).parents[3]
_IN_SQL = re.compile(r"pg_(?:try_)?advisory_\w+\(\s*(\d+)(.*)")
_SEEDS = {PROJECT / "layers" / "demo" / "generate.py", PROJECT / "server" / "settings.py"}  # the code of the district
_TABLE = PROJECT / "layers" / "database" / "advisory_locks.py"


def test_no_two_locks_have_one_number():
    assert [*AdvisoryLock.__members__] == [lock.name for lock in AdvisoryLock]
    assert {*AdvisoryLock} == {*range(440106, 440115)}  # other versions of the program use the same


def test_no_module_writes_a_lock_as_a_number():
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        if path in _SEEDS or path == _TABLE or "440" not in text.replace("_", ""):
            continue
        numbers = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        assert not [n for n in numbers if type(n) is int and 440100 <= n < 440200], path
        assert not _IN_SQL.findall(text), path


@pytest.mark.parametrize("name", [*sql_files()])
def test_functions_name_the_lock_that_they_take(name):
    for number, rest in _IN_SQL.findall(sql_files()[name].read_text(encoding="utf-8")):
        assert f"AdvisoryLock.{AdvisoryLock(int(number)).name}" in rest, (name, number)
