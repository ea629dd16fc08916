"""What holds for every layer: the same seed gives the same bytes; ids, codes, grades and counts are right."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
import shapely

from layers.definition import read_code_lists, read_definitions
from layers.demo.district.district import AT_SCALE_1
from layers.demo.district.outline import read_outline
from layers.demo.generate import AS_OF, district_count, generate
from layers.errors import BadInput

DEFINITIONS = read_definitions()


def _digest(tables):
    rows = {name: table.records(sorted(table.columns)) for name, table in tables.items()}
    return {name: hashlib.sha256(pickle.dumps(r)).hexdigest() for name, r in rows.items()}


def test_same_seed_same_bytes_other_seed_other_city(small):
    again, other = _digest(generate(0.02)), _digest(generate(0.02, seed=7))
    assert _digest(small) == again
    for name in ("grids", "buildings", "roads", "video_points", "events"):
        assert again[name] != other[name]


def test_every_layer_has_rows_and_its_own_ids(small):
    assert set(small) == set(DEFINITIONS)
    for name, table in small.items():
        assert len(table) > 0, name
        assert len(set(table.ids)) == len(table), name
        assert len(table.geometry) == len(table), name


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_columns_are_fields_of_the_definition_and_of_its_type(small, name):
    definition, table = DEFINITIONS[name], small[name]
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "string_array": list}
    for column in table.columns:
        field = definition.by_name[column]
        assert not field.derived, f"{column} is computed by the database"
        values = [v for v in table.column(column) if v is not None]
        if field.type in kinds:
            assert all(isinstance(v, kinds[field.type]) for v in values), column
        if field.max_length:
            assert all(len(v) <= field.max_length for v in values), column
    if definition.geometry_type == "None":
        assert set(table.geometry) == {None}
        return
    assert set(shapely.get_type_id(table.geometry)) == {getattr(shapely.GeometryType, definition.geometry_type.upper())}
    assert shapely.is_valid(table.geometry).all()


def test_coded_values_are_in_their_lists(small):
    lists = {name: {c.code for c in codes.codes} for name, codes in read_code_lists().items()}
    seen = 0
    for name, table in small.items():
        for field in DEFINITIONS[name].fields:
            if field.codes and field.name in table.columns:
                values = [v for v in table.column(field.name) if v is not None]
                flat = {str(w) for v in values for w in (v if isinstance(v, list) else [v])}
                assert flat <= lists[field.codes], f"{name}.{field.name}"
                seen += len(flat)
    assert seen > 200


def test_rows_say_that_they_are_made_up(small):
    for name, table in small.items():
        assert set(table.column("source_system")) == {"onemap-demo"}, name
        assert set(table.column("is_authoritative")) == {False}, name
    assert all(n.startswith("示例") for n in small["grid_workers"].column("name"))
    assert all(p.startswith("100") and len(p) == 11 for p in small["grid_workers"].column("phone"))


PUBLIC = {
    "air_quality_stations", "communities", "districts", "flood_risk_points", "rain_gauges", "roads", "streets",
    "service_sites", "water_level_stations", "waterways",
}  # fmt: skip
MIXED = {"emergency_resources": {1, 2}, "grid_workers": {3}, "video_points": {3, 4}}


def test_rows_are_graded_as_the_domain_says(small):
    """`domain.md` 7.1: what the city publishes, what the government uses, cameras and people; secret cameras above."""
    for name, table in small.items():
        assert set(table.column("data_grade")) == MIXED.get(name, {1} if name in PUBLIC else {2}), name
    secret = np.mean(np.array(small["video_points"].column("data_grade")) == 4)
    assert 0.01 < secret < 0.06
    kinds = np.array(small["emergency_resources"].column("resource_type"))
    assert set(np.array(small["emergency_resources"].column("data_grade"))[kinds == "shelter"]) == {1}


def test_national_codes_have_their_length(small):
    lengths = {"streets": 9, "communities": 12, "grids": 15, "video_points": 20}
    for name, length in lengths.items():
        assert all(len(i) == length and i.isdigit() and i.startswith("440106") for i in small[name].ids)


def test_degrees_have_seven_decimals(small):
    for name, table in small.items():
        points = shapely.get_coordinates(table.geometry)
        assert np.array_equal(points, np.round(points, 7)), name


@pytest.mark.parametrize(("scale", "size"), [(0.02, "small"), (0.25, "quarter")])
def test_counts_follow_the_scale(scale, size, request):
    tables = request.getfixturevalue(size)
    for name in ("grids", "buildings", "video_points", "iot_devices", "emergency_resources", "vehicles"):
        wanted = round(AT_SCALE_1[name] * scale)
        assert len(tables[name]) == pytest.approx(wanted, rel=0.03, abs=20), name
    assert len(tables["streets"]) == 21


def test_all_kinds_of_resources_at_any_scale(small):
    kinds = {c.code for c in read_code_lists()["resource_type"].codes}
    assert set(small["emergency_resources"].column("resource_type")) == kinds


def test_events_lie_in_the_days_before(small):
    for occurred, closed in zip(
        small["events"].column("occurred_at"), small["events"].column("closed_at"), strict=True
    ):
        assert 0 < (AS_OF - occurred).total_seconds() < 7 * 86_400
        assert closed is None or occurred < closed <= AS_OF


@pytest.mark.parametrize("code", ["440105", "440113", "440703", "110101"])
def test_other_outlines_work_too(code):
    tables = generate(0.02, outline=read_outline(code))
    assert all(len(table) > 0 for table in tables.values())
    assert tables["districts"].ids == [code]
    assert all(i.startswith(code) for i in tables["grids"].ids)
    assert shapely.coverage_is_valid(shapely.get_parts(tables["grids"].geometry))


def test_a_large_scale_is_several_districts():
    assert [district_count(s) for s in (0.02, 1, 1.5, 2, 57)] == [1, 1, 1, 2, 57]


def test_scale_out_of_range_is_refused():
    for scale in (0, -1, 1001, float("nan")):
        with pytest.raises(BadInput, match=r"between 0\.001 and 1000"):
            generate(scale)
