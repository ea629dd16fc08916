"""Every reason for which a row is refused, and every repair, has words for people."""

from __future__ import annotations

import ast
from pathlib import Path

from layers import load
from layers.load.reasons import REASONS, REPAIRS, in_words

LAYERS = Path(load.__file__).parents[1]
_PLACES = {"reject": 1, "Rejection": 1, "repair": 1, "Converted": 2}  # which argument of a call is the code


def _codes() -> set[str]:
    found = set()
    for path in LAYERS.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                at = _PLACES.get(name)
                if at is not None and len(call.args) > at and isinstance(call.args[at], ast.Constant):
                    found.add(call.args[at].value)
    return {code for code in found if isinstance(code, str)}


def test_every_reason_and_repair_that_the_code_gives_has_words():
    codes = _codes()
    assert len(codes) > 12, "the reasons were not found"
    assert codes - REASONS.keys() - REPAIRS.keys() == set()


def test_an_unknown_code_stays_readable():
    assert in_words("zero") == "zero 坐标为 0,0 the position is 0, 0"
    assert in_words("something_new") == "something_new"
