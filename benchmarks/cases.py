"""The cases: requests, fixed and random, with the goals against the peers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.ask import Ask, hexagons, windows

VARIANTS = 4000  # more than the requests of a round, so that no request of a round is repeated


@dataclass(frozen=True, slots=True)
class FeatureCase:
    """One line of the table for every peer.

    Attributes
    ----------
    name
        The name in `--cases`.
    goals
        Least ratio of our rate to the rate of a peer, by peer; peers that are missing do not take part, and `None`
        measures without a goal.
    """

    name: str
    title: str
    asks: tuple[Ask, ...]
    goals: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def promised(self) -> bool:
        """Whether there is a goal; a case without one is measured only when `--cases` names it."""
        return any(goal is not None for goal in self.goals.values())


def all_cases(scale: float = 1.0) -> list[FeatureCase]:
    """Return every case; random requests use the ids and offsets of tables at `scale`."""
    points = max(1, round(200_000 * scale))
    box = windows(0.022, 0.02, VARIANTS + 1, seed=1)
    large = windows(0.05, 0.045, 501, seed=2)
    area = hexagons(0.02, VARIANTS + 1, seed=3)
    chance = random.Random(4)
    ids = [f"{chance.randint(1, points):07}" for _ in range(VARIANTS)]
    small = {"pygeoapi": 15.0, "tipg": 15.0}
    boxed = {"pygeoapi": 15.0, "tipg": 8.0}
    many = {"pygeoapi": 10.0, "tipg": 10.0}
    one = {"pygeoapi": 6.0, "tipg": 3.0}
    filtered = {"pygeoapi": 8.0, "tipg": 6.0}
    moved = {"pygeoapi": 12.0}
    return [
        _fixed("limit10", "limit=10", Ask("bench_points"), small),
        _random("limit10", "limit=10", [Ask("bench_points", offset=n % 2000) for n in range(1, VARIANTS)], small),
        _random("limit10-bbox", "bbox limit=10", [Ask("bench_points", bbox=b) for b in box], dict.fromkeys(small)),
        _fixed("bbox", "bbox limit=1000", Ask("bench_buildings", 1000, bbox=box[0]), boxed),
        _random("bbox", "bbox limit=1000", [Ask("bench_buildings", 1000, bbox=b) for b in box[1:]], boxed),
        _fixed("limit10000", "limit=10000", Ask("bench_points", 10_000), many),
        _random("limit10000", "limit=10000", [Ask("bench_points", 10_000, offset=n) for n in range(1, 2000)], many),
        _random(
            "limit10000-bbox",
            "bbox limit=10000",
            [Ask("bench_points", 10_000, bbox=b) for b in large],
            dict.fromkeys(many),
        ),
        _fixed("one", "one feature", Ask("bench_points", feature_id=f"{points // 2:07}"), one),
        _random("one", "one feature", [Ask("bench_points", feature_id=i) for i in ids], one),
        _fixed("cql2", "CQL2 polygon and attribute limit=1000", _filter(area[0]), filtered),
        _random("cql2", "CQL2 polygon and attribute limit=1000", [_filter(a) for a in area[1:]], filtered),
        _fixed("crs", "bbox limit=1000 crs=3857", _mercator(box[0]), moved),
        _random("crs", "bbox limit=1000 crs=3857", [_mercator(b) for b in box[1:]], moved),
    ]


def _fixed(name: str, title: str, ask: Ask, goals: Mapping[str, float | None]) -> FeatureCase:
    return FeatureCase(name, f"{title}, fixed URL", (ask,), goals)


def _random(name: str, title: str, asks: list[Ask], goals: Mapping[str, float | None]) -> FeatureCase:
    return FeatureCase(name, f"{title}, random", tuple(asks), goals)


def _filter(corners: tuple[tuple[float, float], ...]) -> Ask:
    return Ask("bench_buildings", 1000, polygon=corners, height_m_min=50)


def _mercator(box: tuple[float, float, float, float]) -> Ask:
    return Ask("bench_buildings", 1000, bbox=box, web_mercator=True)
