"""The live benchmark runs: every case with tiny numbers. Figures are for people with a quiet machine."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from benchmarks.live.__main__ import main
from benchmarks.live.bodies import Bodies, Population
from benchmarks.live.service import percentile
from twin.envelope.message import Message
from twin.envelope.read import read_batch

_TINY = {
    "scale": 0.01, "rate": 400, "seconds": 1, "burst-rate": 800, "burst-seconds": 1, "one-by-one-seconds": 0.2,
    "mixed-rate": 200, "mixed-seconds": 1, "subscribers": 4, "areas": 10, "areas-seconds": 2, "entities": 200,
    "batches": 1,
}  # fmt: skip


@pytest.mark.timeout(600)
def test_every_case_runs_and_loses_nothing(home: Path) -> None:
    file = home / "rows.json"
    options = [text for name, value in _TINY.items() for text in (f"--{name}", str(value))]
    assert main([*options, "--home", str(home), "--json", str(file)]) == 0
    rows = {row["case"].strip(): row for row in json.loads(file.read_text(encoding="utf-8"))}
    assert all(set(row) == {"case", "unit", "ours", "peer", "ratio", "goal", "met"} for row in rows.values())
    assert rows["acknowledged and not in history"]["ours"] == 0
    assert rows["streams that had to start again or ended"]["ours"] == 0
    assert rows["changes not heard, of those sent"]["ours"] <= 0
    assert all(row["ours"] > 0 for case, row in rows.items() if "ear, p95" in case)
    assert all(row["ours"] > 0 for row in rows.values() if row["unit"].endswith("/s"))


def test_an_unknown_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["--cases", "write,wrote"])
    assert refusal.value.code == 2
    assert "there is no wrote" in capsys.readouterr().err


def test_bodies_are_envelopes_of_the_mix_and_no_message_is_twice() -> None:
    gauges = [(f"rain_gauges/g{n}", "rain_mm", "mm") for n in range(90)]
    city = Population([f"vehicles/v{n}" for n in range(700)], gauges, (113.3, 23.1, 113.4, 23.2))
    bodies = Bodies(city, 1_000, "r1", number=3)
    messages: list[Message] = []
    for _ in range(8):
        reading = read_batch(bodies.next(), now=datetime.fromisoformat("2026-06-08T00:00:00Z"))
        assert not reading.refused
        messages += reading.messages
    kinds = [message.kind for message in messages]
    assert (kinds.count("position"), kinds.count("observation"), kinds.count("event")) == (4_800, 2_800, 400)
    assert len({message.identity for message in messages}) == len(messages)
    closing = [message for message in messages if message.version == 2]
    opened = {message.id for message in messages if message.kind == "event" and message.version == 1}
    assert closing
    assert all(message.id in opened for message in closing if "-9" not in message.id)


def test_places_are_visited_in_order() -> None:
    city = Population(["vehicles/a", "vehicles/b"], [], (0, 0, 1, 1))
    bodies = Bodies(city, 2, "r1", places=[(113.1, 23.1), (113.2, 23.2)])
    said = [(one["subject"], one["data"]["lon"]) for one in orjson.loads(bodies.next())]
    assert said == [("vehicles/a", 113.1), ("vehicles/b", 113.2)]


def test_percentiles_are_of_the_values() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2
    assert percentile([float(n) for n in range(100)], 0.99) == 99
