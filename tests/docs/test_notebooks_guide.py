"""The guide to notebooks works as printed: its Python blocks run in order, in one namespace, against a real service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from server.installation import PROJECT

GUIDE = PROJECT / "docs" / "guide" / "notebooks.md"
TOKEN = "a-token-of-the-tests"  # of the test server only


def test_the_blocks_of_the_guide_run(
    district_url: str, live_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "operator-token").write_text(TOKEN, encoding="ascii")
    address = live_server(district_url, home=tmp_path)
    monkeypatch.setenv("ONEMAP_TOKEN", TOKEN)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 6
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block.replace("http://127.0.0.1:8000", address), str(GUIDE), "exec"), names)  # noqa: S102  # ours
    assert len(names["frame"]) == names["tall"].count()
    assert names["picture"].svg.startswith("<svg")
    assert len(names["counted"]) > 0
    names["shown"].close()
    names["phone"].close()
    names["twin"].close()
