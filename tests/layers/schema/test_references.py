"""Fields that refer to features, and fields that tell a place, are marked: rights hide them by these marks."""

from __future__ import annotations

import re

import pytest

from layers.definition import FieldDefinition, LayerDefinition, read_definitions

LAYERS = read_definitions()
EVERY = [(layer, field) for layer in LAYERS.values() for field in layer.fields]
LIKE_A_REFERENCE = re.compile(r"(_ids?|_codes?|_objects|_of)\Z")
LIKE_A_PLACE = re.compile(r"(\A|_)(address(_code)?|extent|area|geom|point|chainage_m|beidou_code|mounted_on|name)\Z")
COARSE = {"districts", "streets", "communities", "urban_villages", "waterways"}  # larger than any mask of a point
ELSEWHERE = {  # identifiers of things that are no layer, and codes of standards without a list of ours
    "alt_code", "category_code", "civil_code", "component_code", "beidou_code", "event_class_code", "material_code",
    "matter_code", "mca_code", "model_id", "org_code", "plan_id", "river_code", "road_code", "rule_id", "rule_ids",
    "source_event_id", "source_id", "std_address_code", "terminal_id",
}  # fmt: skip
NO_PLACE = {"datum_name", "org_name", "contact_name", "river_name"}  # names of persons, organisations and waters


def named(pair: tuple[LayerDefinition, FieldDefinition]) -> str:
    """Return the name of a field under which a test is listed."""
    return f"{pair[0].id}.{pair[1].name}"


def test_a_field_named_like_a_reference_is_marked():
    unmarked = [
        named((layer, field))
        for layer, field in EVERY
        if LIKE_A_REFERENCE.search(field.name) and field.type in {"string", "string_array"}
        if not (field.refers_to or field.codes or field.name == layer.key or field.name in ELSEWHERE)
    ]
    assert not unmarked, f"{unmarked}: say `refers_to: [layers]`, or list them in ELSEWHERE"


def test_exceptions_are_fields_that_exist():
    assert {field.name for _, field in EVERY} >= ELSEWHERE | NO_PLACE


def test_a_field_named_like_a_place_is_marked():
    unmarked = [
        named((layer, field))
        for layer, field in EVERY
        if LIKE_A_PLACE.search(field.name) or "GeoJSON" in (field.description or "")
        if not (field.tells_place or field.name in NO_PLACE or layer.by_name[field.name].mask == "name")
    ]
    assert not unmarked, f"{unmarked}: say `tells_place: true`"


@pytest.mark.parametrize("pair", [pair for pair in EVERY if pair[1].refers_to], ids=named)
def test_a_reference_names_layers_that_exist(pair):
    assert set(pair[1].refers_to) <= LAYERS.keys()


@pytest.mark.parametrize("pair", [pair for pair in EVERY if pair[1].refers_to], ids=named)
def test_a_reference_to_something_that_stands_still_tells_a_place(pair):
    """Who knows the camera of an event knows where the event is. What moves and what is large tells nothing."""
    _, field = pair
    still = {target for target in field.refers_to if LAYERS[target].motion is None} - COARSE - {"events"}
    assert field.tells_place == bool(still)


def test_both_sides_of_a_relation_have_one_grade():
    """Workers of a grid and grids of a worker say the same, so a reader sees both or neither (leak path 5)."""
    grades: dict[tuple[str, str], set[int]] = {}
    for layer, field in EVERY:
        for target in () if field.derived else field.refers_to:
            grades.setdefault((layer.id, target), set()).add(field.grade)
    both = {pair: grades[pair] | grades[pair[::-1]] for pair in grades if pair[::-1] in grades and pair[0] != pair[1]}
    assert ("grids", "grid_workers") in both
    assert not {pair: found for pair, found in both.items() if len(found) > 1}


@pytest.mark.parametrize("kind", ["integer", "json", "datetime"])
def test_only_texts_refer(kind):
    field = {"name": "x", "title_zh": "甲", "title_en": "x", "type": kind, "refers_to": ["grids"]}
    with pytest.raises(ValueError, match="only texts refer to features"):
        LayerDefinition.model_validate(
            {"id": "a", "title_zh": "甲", "title_en": "a", "geometry_type": "Point", "fields": [field]}
        )
