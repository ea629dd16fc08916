"""Tables of standards: data with an edition, and the values that the standards themselves give as checks."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
import yaml

from layers.definition import DEFINITIONS

STANDARDS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (DEFINITIONS / "standards").glob("*.yaml")
}


def test_all_are_there():
    assert STANDARDS.keys() >= {"streets", "aqi_breakpoints", "surface_water", "storm_formula", "warning_thresholds"}


@pytest.mark.parametrize("name", STANDARDS)
def test_table_names_its_edition(name):
    table = STANDARDS[name]
    assert table["id"] == name
    assert all(isinstance(table[key], str) and table[key] for key in ("title_zh", "title_en", "standard"))
    assert isinstance(table["standard_version"], str)
    assert table["confidence"] in {"V", "K-H", "K-M", "K-L", "P"}
    assert all(row.keys() for row in table["rows"])


def test_streets_of_the_district():
    streets = STANDARDS["streets"]["rows"]
    assert len(streets) == 21
    assert all(re.fullmatch(r"440106\d{3}", street["street_code"]) for street in streets)
    assert all(street["name"] and street["name_en"] for street in streets)
    assert sum(street["population_resident"] for street in streets) == pytest.approx(2_241_826, rel=1e-3)


def test_street_codes_are_not_contiguous():
    codes = [street["street_code"] for street in STANDARDS["streets"]["rows"]]
    assert codes == sorted(set(codes))
    assert "440106005" not in codes


def test_aqi_breakpoints_rise():
    table = STANDARDS["aqi_breakpoints"]
    for row in table["rows"]:
        assert len(row["breakpoints"]) in {5, 6, 8}
        assert all(low < high for low, high in pairwise(row["breakpoints"]))
    assert all(low < high for low, high in pairwise(table["iaqi"]))


def test_surface_water_classes_worsen():
    for row in STANDARDS["surface_water"]["rows"]:
        limits = row["limits"] if row["bound"] == "max" else row["limits"][::-1]
        assert len(limits) == 5
        assert limits == sorted(limits)


def test_storm_formula_gives_its_check_values():
    table = STANDARDS["storm_formula"]
    for row in table["rows"]:
        strength = table["a"] * (1 + table["c"] * math.log10(row["return_period_a"]))
        intensity = strength / (row["duration_min"] + table["b"]) ** table["n"]
        depth_mm = intensity * row["duration_min"] * 60 / 10_000
        assert depth_mm == pytest.approx(row["depth_mm"], abs=0.06)
