from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from layers.tiers import GRID, TIERS, is_grid_code, pad_area_code, parse_code, split_area_code
from tests.sources import python_files

ROOT = Path(__file__).parents[2]
HOME = ROOT / "layers/tiers.py"
LAYER_IDS = {tier.layer_id for tier in TIERS}
CODE_FIELDS = {tier.code_field for tier in TIERS}
DIGITS = "|".join(str(tier.digits) for tier in TIERS)
CODE_LENGTHS = re.compile(
    rf"code(?!s)[\w\")\]]*\[: ?({DIGITS})\]|left\([\w.]*code, ({DIGITS})\)|rpad\([^)]*, ({DIGITS}), '0'\)"
    rf"|ljust\((9|12), \"0\"\)|CODE_DIGITS = ({DIGITS})\b"
)


def _sources() -> list[Path]:
    """Return the modules of the product; the demo writes codes of its own."""
    return [path for path in python_files() if path != HOME and "demo" not in path.parts]


def _tables_of_tiers(tree: ast.Module) -> list[int]:
    """Return the lines of literals that list three or more tiers by layer or by code field."""
    found = []
    for node in ast.walk(tree):
        parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", ())
        texts = {part.value for part in parts if isinstance(part, ast.Constant)}
        tiers = max(len(texts & LAYER_IDS), len(texts & CODE_FIELDS))
        if tiers >= 3 and tiers * 2 >= len(parts):  # a table of many layers is no table of tiers
            found.append(node.lineno)
    return found


def test_the_tiers_are_written_once():
    written = []
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        lines = _tables_of_tiers(ast.parse(text))
        lines += [text[: match.start()].count("\n") + 1 for match in CODE_LENGTHS.finditer(text)]
        written += [f"{path.relative_to(ROOT)}:{line}" for line in lines]
    assert written == [], "use layers/tiers.py"


def test_areas_in_force_are_written_once():
    written = [
        str(path.relative_to(ROOT))
        for path in _sources()
        if "superseded_at IS NULL" in path.read_text(encoding="utf-8")
    ]
    assert written == [], "use layers.tiers.in_force"


@pytest.mark.parametrize("tier", TIERS)
def test_a_code_names_its_tier_with_and_without_padding(tier):
    code = "440106011001001"[: tier.digits]
    assert parse_code(code) == (tier, code)
    if tier is not GRID:
        assert parse_code(pad_area_code(code)) == (tier, code)


@pytest.mark.parametrize("code", ["", "44", "44010601", "44010601100100", "4401060110010011", "uv-1", "４４０１０６"])
def test_other_texts_name_no_tier(code):
    assert parse_code(code) is None
    assert not is_grid_code(code)


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("440106011001", ("440106", "440106011", "440106011001")),
        ("440106011000", ("440106", "440106011", None)),
        ("440106000000", ("440106", None, None)),
        (None, (None, None, None)),
    ],
)
def test_an_area_code_names_the_areas_above(code, parts):
    assert split_area_code(code) == parts
