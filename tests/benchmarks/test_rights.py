"""The benchmark of rights runs, on a small district with few requests; its figures mean nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rights import audit, roles, turns


@pytest.fixture(autouse=True)
def one_round(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns, "ROUNDS", 1)


@pytest.mark.anyio
async def test_the_audit_is_measured(district_url: str, tmp_path: Path):
    rows = await audit.measure(district_url, tmp_path, share=0.01)
    assert [row.case for row in rows] == list(audit.CASES)
    assert all(row.ours > 0 for row in rows)


@pytest.mark.anyio
async def test_a_dispatcher_is_measured_beside_the_operator(
    district_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(roles, "LAYERS", ("video_points",))
    rows = await roles.measure(district_url, tmp_path, share=0.01)
    assert len(rows) == 10
    assert all(row.ours > 0 and row.ratio for row in rows)
