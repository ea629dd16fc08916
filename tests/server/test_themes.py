"""Themes of the map: the shipped ones are right, a faulty one is refused with its reason, and rights hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layers.cql2 import FilterLimits
from layers.definition import read_definitions
from layers.errors import BadInput
from server.page.map_theme import LAYERS_MAX, read_map_theme
from tests.ogc.service import Service

FOLDER = Path(__file__).parents[2] / "config" / "themes"
LIMITS = FilterLimits(length=4000, vertices=100)
SHIPPED = ["overview", "urban_villages", "flood_control", "video", "urban_management", "grids", "livelihood"]
GOOD = """
name: mine
title_zh: 我的
title_en: Mine
layers:
  - {id: events, filter: "stage <> 'closed'"}
"""


@pytest.fixture(scope="module")
def definitions():
    return read_definitions()


@pytest.fixture(scope="module")
def service(served_layers_url: str):
    running = Service(served_layers_url)
    yield running
    running.close()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_theme_is_right(name, definitions):
    theme = read_map_theme(FOLDER / f"{name}.yaml", definitions, LIMITS)
    assert 0 < len(theme.layers) <= LAYERS_MAX


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("events,", "evnts,"), "there is no layer 'evnts'; layers: .*events"),
        (("stage <>", "stge <>"), "the filter of 'events': there is no property 'stge' .*allowed are .*stage"),
        (("stage <>", "stage <> ("), "the filter of 'events'"),
        (("name: mine", "name: mine\nbase: [events]"), "layers are named twice: events"),
        (("name: mine", "name: mine\nstyle: pink"), "there is no style 'pink'; styles: dark, light, print"),
        (("name: mine", "name: mine\ncolour: red"), "colour"),
        (("name: mine", "name: mine\ncards: [rain, wether]"), "cards"),
        (("name: mine", "name: mine\nindicators: [open]"), "no indicator 'open'; indicators: events_open"),
        (("name: mine", "name: mine\ncards: [rain, rain]"), "named twice"),
        (("name: mine", "name: other"), "must be named alike"),
    ],
)
def test_a_theme_with_a_fault_is_refused_with_its_reason(tmp_path, definitions, change, told):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_map_theme(path, definitions, LIMITS).layers[0].filter == "stage <> 'closed'"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(BadInput, match=told):
        read_map_theme(path, definitions, LIMITS)


def test_the_example_of_the_guide_is_a_theme(tmp_path, definitions):
    guide = (FOLDER.parents[1] / "docs" / "guide" / "themes.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.+?)```", guide, re.DOTALL)[1]
    (tmp_path / "night.yaml").write_text(example, encoding="utf-8")
    theme = read_map_theme(tmp_path / "night.yaml", definitions, LIMITS)
    assert [layer.id for layer in theme.layers] == ["events", "grid_workers", "emergency_resources"]
    assert {f"`{name}`" for name in SHIPPED} <= set(re.findall(r"`\w+`", guide))


def test_the_themes_are_those_of_the_reader(service):
    everything = service.json("/twin/themes", actor="operator")["themes"]
    assert [theme["name"] for theme in everything] == SHIPPED
    public = service.json("/twin/themes", actor=None)["themes"]
    seen = {layer["id"] for layer in service.json("/map.json", actor=None)["layers"]}
    shown = {layer["id"] for theme in public for layer in theme["layers"]}
    assert shown
    assert shown <= seen
    assert {layer["id"] for theme in everything for layer in theme["layers"]} > shown
