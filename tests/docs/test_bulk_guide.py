"""The guide to whole layers works as printed."""

from __future__ import annotations

import re

from server.installation import PROJECT

GUIDE = (PROJECT / "docs" / "guide" / "bulk-data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_its_snippets_run_one_after_the_other(district_url, live_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    address = live_server(district_url)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block.replace("http://127.0.0.1:8000", address), names)  # noqa: S102  # as a reader would run it
    printed = capsys.readouterr().out
    assert " of " in printed
    assert "km" in printed
    assert names["per_grid"]["count"].sum() > 0
    assert len(names["grids"]) == len(names["per_grid"])
