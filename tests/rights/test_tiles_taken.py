"""Why tiles need no allowance: they tell where features are, and with which of the map's few fields, and nothing else.

The allowance of exports (`server.exports`) counts features with their fields. A tile has the fields the map draws
with; what is sensitive of a feature is read one by one, or as an answer that is counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from layers.audit.record import SENSITIVE_GRADE
from layers.catalog import Layer
from layers.definition import read_definitions
from layers.policy.read import read_policy
from server.audit.exposure import Exposures
from tests.layers.read.policies import actor_of
from tiles.vector import tile_fields

POLICY = read_policy(Path(__file__).parents[2] / "config" / "policy")
LAYERS = {
    name: Layer(definition, 1, datetime.now(UTC), lowest_grade=1) for name, definition in read_definitions().items()
}
PURPOSES = ("", *sorted({purpose for rule in POLICY.rules for purpose in rule.purposes}))
FIELDS_MAX = 6  # that a map draws with: with 40 a tile were an export
VIEW = ("video_points", "azimuth_deg")
"""The one sensitive field that a tile draws with: the direction of a camera's symbol."""


def readers():
    """Every role with every purpose that a rule asks for."""
    for name in POLICY.roles:
        for purpose in PURPOSES:
            yield actor_of(POLICY, name, areas=("440106",), departments=("water",), purpose=purpose or None)


def sensitive_in_tiles(actor):
    """The fields of grade 3 and above that an actor finds in tiles as they are."""
    return {
        (name, field.definition.name)
        for name, layer in LAYERS.items()
        for field in tile_fields(layer, actor)
        if field.definition.grade >= SENSITIVE_GRADE and not field.masked
    }


def test_no_tile_has_a_sensitive_field_but_for_who_may_see_the_view_of_cameras_and_says_what_for():
    found = {(actor.subject, actor.purpose): sensitive_in_tiles(actor) for actor in readers()}
    assert set().union(*found.values()) == {VIEW}
    district = {purpose for (name, purpose), fields in found.items() if fields and name == "district_dispatcher"}
    assert district == {"dispatch", "emergency", "flood_control", "public_security"}, "none without a purpose"


@pytest.mark.parametrize("name", LAYERS)
def test_a_tile_has_few_fields_of_a_feature(name):
    layer = LAYERS[name]
    shown = {field.definition.name for actor in readers() for field in tile_fields(layer, actor)}
    stored = {field.name for field in layer.definition.fields if not field.internal}
    assert len(shown) <= FIELDS_MAX
    assert shown == stored or len(shown) < len(stored) / 2, "what a layer holds is not read from its tiles"


def test_tiles_of_sensitive_layers_are_recorded_for_whoever_reads_them():
    """The audit has each reader of a layer whose rows are sensitive by name: who collects them is found."""
    dispatcher = actor_of(POLICY, "district_dispatcher")
    exposures = Exposures()
    for name in ("video_points", "vehicles", "grid_workers"):
        assert exposures.of(LAYERS[name], dispatcher).row_grade >= SENSITIVE_GRADE, name
