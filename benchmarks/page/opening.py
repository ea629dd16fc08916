"""The first map with a cold and a warm cache, and its weight."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from playwright.sync_api import Browser

from benchmarks.live.service import LiveService
from benchmarks.page.tab import DESK, PHONE, Tab, visiting
from benchmarks.results import Figure, at_most

_ROUNDS = 3
_COLD_S, _PHONE_S, _WARM_S = 4.0, 5.0, 2.0
_WEIGHT_KB = 650


def opening(service: LiveService, browser: Browser) -> list[Figure]:
    """Measure the first map with a cold and a warm cache, on the desk and on an emulated phone, and its weight."""
    rows = []
    for device, words, cold_s, warm_s in ((DESK, "desk", _COLD_S, _WARM_S), (PHONE, "phone", _PHONE_S, None)):
        cold, warm, weights = [], [], []
        for _round in range(_ROUNDS):
            with visiting(browser, service.address, service.token, device) as context:
                first = Tab(context)
                cold.append(first.open(f"{service.address}/"))
                weights.append(first.transferred.bytes_of)
                first.page.close()
                warm.append(Tab(context).open(f"{service.address}/"))
        rows.append(at_most(f"first map idle, {words}, cold cache", "s", median(cold), cold_s))
        rows.append(at_most(f"first map idle, {words}, warm cache", "s", median(warm), warm_s))
        code_kb = median((w.get("Script", 0) + w.get("Stylesheet", 0)) / 1000 for w in weights)
        rows.append(at_most(f"scripts and styles, {words}, as transferred", "kB", code_kb, _WEIGHT_KB))
        rows.append(at_most(f"everything, {words}, as transferred", "kB", _total_kb(weights), None))
    return rows


def _total_kb(weights: Sequence[dict[str, int]]) -> float:
    return median(sum(one.values()) / 1000 for one in weights)
