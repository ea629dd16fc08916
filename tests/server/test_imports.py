"""What a process imports when it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAVY = ("openpyxl", "pandas", "scipy", "pyogrio")
_PARTS = ("server.formats.table", "layers.columns.session", "twin.routing.routes")


@pytest.mark.timeout(120)
def test_what_few_answers_need_is_imported_where_it_is_used():
    program = f"import sys, {', '.join(_PARTS)}; print(*(name for name in {_HEAVY!r} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
