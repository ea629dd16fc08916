"""The map of security measures: what it names is there, and it has every line of both lists."""

from __future__ import annotations

import re

import pytest

from server.installation import PROJECT

TEXT = (PROJECT / "docs" / "operations" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:layers|server|tests|tiles|twin|config|docs)/[\w./-]*)…?`", TEXT)))
LEAKS = (PROJECT / "tests" / "rights" / "test_leak_paths.py").read_text(encoding="utf-8")
MEASURES, PATHS = 25, 12
"""Lines of the checklist of every endpoint, and of the leak paths, in the domain reference 7.7 and 7.4."""


@pytest.mark.parametrize("path", NAMED)
def test_what_proves_a_measure_is_there(path):
    assert (PROJECT / path).exists()


def _section(title: str) -> str:
    return TEXT.split(f"## {title}", 1)[1].split("\n## ", 1)[0]


def test_the_checklist_is_whole():
    numbers = [
        int(n) for row in re.findall(r"^\| ([\d, ]+) \|", _section("检查表"), re.MULTILINE) for n in row.split(",")
    ]
    assert numbers == list(range(1, MEASURES + 1))


def test_every_leak_path_has_its_test():
    rows = re.findall(r"^\| (\d+) \|.*$", _section("泄漏路径"), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, PATHS + 1))
    for name in re.findall(r"`(test_path_\d+)…`", TEXT):
        assert f"def {name}_" in LEAKS
