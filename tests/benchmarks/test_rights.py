"""The benchmark of rights runs, on a small district with few requests; its figures mean nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rights import audit


@pytest.mark.anyio
async def test_the_audit_is_measured(district_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit, "_ROUNDS", 1)
    rows = await audit.measure(district_url, tmp_path, share=0.01)
    assert [row.case for row in rows] == list(audit.CASES)
    assert all(row.ours > 0 for row in rows)
