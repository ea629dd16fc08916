"""Every definition is valid, complete, titled in both languages and graded."""

from __future__ import annotations

import re

import pytest

from layers.definition import DEFINITIONS, read_code_lists, read_definitions
from layers.schema.topology import TILINGS
from tests.layers.schema.domain_fields import FIELDS, LAYER_GRADES, PROTECTED, UNITS

LAYERS = read_definitions()
CODE_LISTS = read_code_lists()
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_there_is_a_definition_for_every_collection():
    assert LAYERS.keys() == FIELDS.keys()


@pytest.mark.parametrize("layer_id", FIELDS)
def test_fields_of_the_domain_are_there(layer_id):
    assert not set(FIELDS[layer_id]) - LAYERS[layer_id].by_name.keys()


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layer_is_titled_and_drawn(layer):
    assert CHINESE.search(layer.title_zh)
    assert CHINESE.search(layer.description_zh)
    assert CHINESE.search(layer.map.group_zh)
    assert layer.title_en.isascii()
    assert layer.standard
    assert re.fullmatch("#[0-9a-f]{6}", layer.map.color)
    assert layer.map.tile_fields
    assert layer.map.label is None or layer.map.label in layer.map.tile_fields


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_fields_are_titled(layer):
    for field in layer.fields:
        assert CHINESE.search(field.title_zh), field.name
        assert field.title_en, field.name
        assert not CHINESE.search(field.title_en), field.name
        assert field.unit is None or (field.unit in UNITS and field.type in {"integer", "number"}), field.name


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_code_lists_of_fields_exist(layer):
    coded = [field for field in layer.fields if field.codes]
    assert coded
    for field in coded:
        codes = CODE_LISTS[field.codes].codes
        assert field.type in {"string", "string_array"} or all(c.code.isdecimal() for c in codes), field.name


@pytest.mark.parametrize(("layer_id", "name", "grade", "mask"), PROTECTED)
def test_sensitive_field_is_graded(layer_id, name, grade, mask):
    field = LAYERS[layer_id].by_name[name]
    assert field.grade >= grade
    assert field.mask == mask


@pytest.mark.parametrize(("layer_id", "grade"), LAYER_GRADES.items())
def test_sensitive_layer_is_graded(layer_id, grade):
    assert LAYERS[layer_id].grade >= grade


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_tiles_carry_nothing_that_the_layers_readers_may_not_see(layer):
    assert all(layer.by_name[name].grade <= layer.grade for name in layer.map.tile_fields)


def test_every_phone_and_name_of_a_person_is_protected():
    people = [
        (layer.id, field)
        for layer in LAYERS.values()
        for field in layer.fields
        if "phone" in field.name or field.name in {"contact_name", "governance_lead", "handler_id"}
    ]
    assert len(people) > 6
    for layer_id, field in people:
        assert field.grade >= (2 if field.name == "duty_phone" else 3), f"{layer_id}.{field.name}"


def test_a_class_that_is_public_makes_no_number_public():
    """Streams tell observations by these grades: that a pump runs is public, how many pumps is not."""
    facility = LAYERS["water_facilities"]
    assert (facility.by_name["pump_state"].grade, facility.observed_grades["pumps_running"]) == (1, 3)
    assert (facility.by_name["gate_state"].grade, facility.observed_grades["gates_open"]) == (1, 3)
    assert LAYERS["water_level_stations"].observed_grades["level_m"] == 1
    classes_alone = facility.with_fields([facility.by_name["pump_state"]])
    assert classes_alone.observed_grades == {"pumps_running": 1}


def test_levels_come_with_their_datum():
    """A level without its vertical datum cannot be compared with any other."""
    elevated = [
        layer for layer in LAYERS.values() if any(re.search(r"(level|elevation)_m$", f.name) for f in layer.fields)
    ]
    assert len(elevated) > 3
    assert all(layer.by_name["vertical_datum"].codes == "vertical_datum" for layer in elevated)


def test_one_geometry_type_a_layer():
    kinds = {layer.id: layer.geometry_type for layer in LAYERS.values()}
    tiled = {layer_id for tiling in TILINGS for layer_id in (tiling.parts, tiling.wholes)}
    areas = tiled | {"urban_villages", "buildings"}
    assert all(kinds.pop(layer_id) == "MultiPolygon" for layer_id in areas)
    assert {kinds.pop("waterways"), kinds.pop("roads")} == {"LineString"}
    assert {kinds.pop("responsibilities"), kinds.pop("duty_rosters")} == {"None"}
    assert set(kinds.values()) == {"Point"}


def test_zoomed_out_tiles_stay_small():
    assert LAYERS["districts"].map.min_zoom == 0
    many = ("grids", "buildings", "video_points", "iot_devices")
    drawn_from = {layer_id: LAYERS[layer_id].map.gather_below or LAYERS[layer_id].map.min_zoom for layer_id in many}
    assert all(zoom >= 14 for zoom in drawn_from.values())


def test_files_are_named_after_what_they_define():
    assert {path.stem for path in (DEFINITIONS / "codes").glob("*.yaml")} == CODE_LISTS.keys()
