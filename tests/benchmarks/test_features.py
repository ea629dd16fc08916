"""The benchmarks run: ours alone, on tiny tables, for a second. Figures are for people with a quiet machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import features
from benchmarks.ask import Ask, ours, pygeoapi, tipg, windows
from benchmarks.cases import all_cases
from benchmarks.contest.contest import PAGE_190
from benchmarks.load import require_wrk
from benchmarks.results import Figure, at_most, exit_code, faster, no_slower
from benchmarks.tables import EAST, NORTH, SOUTH, WEST


@pytest.mark.timeout(300)
def test_every_case_runs_and_is_answered_right(home: Path) -> None:
    require_wrk()
    file = home / "rows.json"
    options = ["--peers", "", "--scale", "0.02", "--seconds", "0.3", "--rounds", "1", "--home", str(home)]
    cases = all_cases(0.02)
    names = ",".join({case.name for case in cases} | {"page190"})
    assert features.main([*options, "--cases", names, "--json", str(file), "--strict"]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert all(set(row) == {"case", "unit", "ours", "peer", "ratio", "goal", "met"} for row in rows)
    assert {row["case"] for row in rows} == {case.title for case in cases} | {f"{PAGE_190}, × our first page"}
    assert all(row["ours"] > 0 for row in rows)


def test_an_unknown_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        features.main(["--cases", "bbox,boxes"])
    assert refusal.value.code == 2
    assert "there is no boxes" in capsys.readouterr().err


def test_goals_are_judged_in_the_right_direction() -> None:
    assert faster("a", 150.0, 10.0, 15).met is True
    assert faster("a", 149.0, 10.0, 15).met is False
    assert faster("a", 149.0, 10.0, None).met is None
    assert no_slower(PAGE_190, 100.0, 140.0, 1.5) == Figure(PAGE_190, "req/s", 100.0, 140.0, 1.4, 1.5, met=True)
    assert no_slower(PAGE_190, 100.0, 160.0, 1.5).met is False
    assert at_most("b", "s", 60.1, 60).met is False
    assert at_most("b", "s", 59.9, 60).met is True


def test_a_missed_goal_fails_only_when_that_was_asked_for() -> None:
    missed = [at_most("b", "s", 2, 1), at_most("c", "s", 1, None)]
    assert exit_code(missed, strict=True) == 1
    assert exit_code(missed, strict=False) == 0
    assert exit_code(missed[1:], strict=True) == 0


def test_every_server_is_asked_the_same_in_its_own_words() -> None:
    ask = Ask("bench_buildings", 1000, polygon=((113.3, 23.1), (113.4, 23.1), (113.4, 23.2)), height_m_min=50)
    paths = [dialect(ask) for dialect in (ours, pygeoapi, tipg)]
    assert len({path.partition("filter=")[2].replace("f=geojson", "f=json") for path in paths}) == 1
    assert [path.partition("?")[0] for path in paths] == [
        "/ogc/collections/bench_buildings/items",
        "/collections/bench_buildings/items",
        "/collections/peers.bench_buildings/items",
    ]
    with pytest.raises(ValueError, match="CRS84"):
        tipg(Ask("bench_buildings", web_mercator=True))


def test_windows_are_seeded_and_inside() -> None:
    boxes = windows(0.02, 0.01, 500, seed=5)
    assert boxes == windows(0.02, 0.01, 500, seed=5)
    assert len(set(boxes)) == 500
    assert all(WEST <= w < e <= EAST + 1e-6 and SOUTH <= s < n <= NORTH + 1e-6 for w, s, e, n in boxes)


def test_goals_of_the_issue_are_all_there() -> None:
    goals = {(case.name, peer): goal for case in all_cases() for peer, goal in case.goals.items() if goal}
    assert goals == {
        ("limit10", "pygeoapi"): 15, ("limit10", "tipg"): 15, ("bbox", "pygeoapi"): 15, ("bbox", "tipg"): 8,
        ("limit10000", "pygeoapi"): 10, ("limit10000", "tipg"): 10, ("one", "pygeoapi"): 6, ("one", "tipg"): 3,
        ("cql2", "pygeoapi"): 8, ("cql2", "tipg"): 6, ("crs", "pygeoapi"): 12,
    }  # fmt: skip
