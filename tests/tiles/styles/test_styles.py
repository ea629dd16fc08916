"""Styles as documents: their content by reader, with snapshots that show changes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.actor import OPERATOR, Actor
from layers.definition import FieldDefinition, LayerDefinition, MapHints, read_code_lists, read_definitions
from layers.errors import NotFound
from server.page.assets import ICONS
from tests.readers import INSIDER
from tests.tiles.styles.catalogue import OUTLINE, SNAPSHOTS, catalogue, style_of, text_of
from tiles.styles.color import contrast, mix, readable
from tiles.styles.expression import StyledFeature, evaluate
from tiles.styles.legend import legend_of, legend_svg
from tiles.styles.sprite import draw_sprite, pictograms
from tiles.styles.style import Surroundings, build_style
from tiles.styles.theme import read_themes, theme_of
from tiles.vector import tile_fields

THEMES = ("dark", "light", "print")
MODULES = Path(__file__).parents[3] / "server" / "web" / "node_modules"
colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_there_are_three_styles_and_another_name_is_refused_with_theirs():
    assert tuple(read_themes()) == THEMES
    with pytest.raises(NotFound, match="there is no style 'pink'; styles: dark, light, print"):
        theme_of("pink")


@pytest.mark.parametrize("name", THEMES)
def test_a_style_is_what_was_reviewed(name):
    file = SNAPSHOTS / f"{name}.txt"
    if not file.exists():
        file.write_text(text_of(style_of(name)), encoding="utf-8")
        pytest.fail("written anew; look at the map and at the difference")
    assert text_of(style_of(name)) == file.read_text(encoding="utf-8"), f"look at the map, delete {file}, run again"


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("relief", [False, True])
def test_a_style_is_valid_maplibre(name, relief, tmp_path):
    node = shutil.which("node")
    assert node, "node is needed to check styles"
    file = tmp_path / "style.json"
    file.write_text(json.dumps(style_of(name, relief=relief)), encoding="utf-8")
    validator = MODULES / "@maplibre" / "maplibre-gl-style-spec" / "dist" / "gl-style-validate.mjs"
    checked = subprocess.run([node, str(validator), str(file)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout.strip()) == (0, ""), checked.stdout


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("actor", [INSIDER, OPERATOR, Actor("officer", clearance=3)])
def test_a_style_reads_only_what_the_tiles_carry(name, actor):
    layers = catalogue()
    style = style_of(name, actor)
    ids = [layer["id"] for layer in style["layers"]]
    assert len(ids) == len(set(ids))
    for layer in (one for one in style["layers"] if "source-layer" in one):
        assert layer["source"] in layers
        carried = {field.definition.name for field in tile_fields(layers[layer["source"]], actor)}
        assert read_by(layer) <= {*carried, "count", "id"}, layer["id"]
        assert layer["source-layer"] in {layer["source"], "labels"}
        assert layer["minzoom"] >= style["sources"][layer["source"]]["minzoom"]


def read_by(expression):
    """Return the names of the properties that an expression, or a whole style layer, reads."""
    if isinstance(expression, dict):
        return set().union(*(read_by(value) for key, value in expression.items() if key != "metadata"))
    if not isinstance(expression, list):
        return set()
    if expression[:1] in (["get"], ["has"]):
        return {expression[1]}
    return set().union(*map(read_by, expression))


def secret():
    return LayerDefinition(
        id="secret_posts",
        title_zh="机密点",
        title_en="Secret posts",
        geometry_type="Point",
        grade=4,
        map=MapHints(icon="castle", tile_fields=("name",), label="name"),
        fields=(FieldDefinition(name="name", title_zh="名称", title_en="Name", type="string"),),
    )


def test_a_style_tells_nothing_of_layers_the_reader_may_not_see():
    layers, theme = catalogue(secret_posts=secret()), theme_of("dark")
    for actor, seen in ((INSIDER, False), (OPERATOR, True)):
        style = build_style(layers, actor, theme, Surroundings("http://onemap.test"))
        assert ("secret_posts" in json.dumps(style)) is seen
        visible = [layers[layer].definition for layer in layers.visible_ids(actor)]
        assert ("castle" in pictograms(visible)) is seen


def test_a_layer_of_mixed_geometries_is_drawn_as_each():
    mixed_layer = secret().model_copy(update={"geometry_type": "Geometry", "grade": 1})
    style = build_style(catalogue(secret_posts=mixed_layer), INSIDER, theme_of("light"), Surroundings("http://o"))
    ids = [layer["id"] for layer in style["layers"] if layer.get("source") == "secret_posts"]
    assert len(ids) == len(set(ids))
    assert {"secret_posts:area", "secret_posts:line", "secret_posts:point", "secret_posts:label"} <= set(ids)


def test_what_is_drawn_lies_below_names_and_larger_areas_are_named_first():
    ids = [layer["id"] for layer in style_of("dark")["layers"]]
    assert ids[:2] == ["ground", "district"]
    names = [name.removesuffix(":label") for name in ids if name.endswith(":label")]
    assert names[-3:] == ["communities", "streets", "districts"]
    assert ids.index("outside") > ids.index("events:point")
    assert ids.index("waterways:line") < ids.index("buildings:building") < ids.index("roads:line")
    assert ids.index("roads:line") < ids.index("streets:edge") < ids.index("video_points:point")


def test_buildings_lie_or_stand():
    def shown(style):
        return {
            layer["id"]: layer.get("layout", {}).get("visibility", "visible")
            for layer in style["layers"]
            if layer["id"] in {"buildings:building", "buildings:relief"}
        }

    assert shown(style_of("dark")) == {"buildings:building": "visible", "buildings:relief": "none"}
    assert shown(style_of("dark", relief=True)) == {"buildings:building": "none", "buildings:relief": "visible"}


def test_a_world_without_district_has_no_outside():
    style = build_style(catalogue(), INSIDER, theme_of("dark"), Surroundings("http://o"))
    assert style["layers"][0]["paint"]["background-color"] == theme_of("dark").district
    assert style["sources"]["outside"]["data"]["features"] == []
    outside = build_style(catalogue(), INSIDER, theme_of("dark"), Surroundings("http://o", OUTLINE))
    assert len(outside["sources"]["outside"]["data"]["geometry"]["coordinates"]) == 2


@pytest.mark.parametrize("name", THEMES)
def test_a_legend_says_what_every_colour_of_a_code_means(name):
    lists = read_code_lists()
    legend = {entry["layer"]: entry for entry in legend_of(style_of(name))}
    assert legend.keys() == {one.id for one in read_definitions().values() if one.geometry_type != "None"}
    said = {code["code"]: (code["color"], code["label_zh"]) for code in legend["air_quality_stations"]["codes"]}
    assert said == {code.code: (code.color, code.label_zh) for code in lists["aqi_level"].codes}
    assert legend["waterways"]["codes"] == []
    drawn = ET.fromstring(legend_svg(style_of(name), theme_of(name)))  # noqa: S314  # our own text
    words = "".join(drawn.itertext())
    assert all(entry["title_zh"] in words and entry["title_en"] in words for entry in legend.values())


@pytest.mark.parametrize("name", THEMES)
def test_names_can_be_read_on_their_ground(name):
    theme = theme_of(name)
    assert contrast(theme.text, theme.district) >= 7
    assert contrast(theme.text_soft, theme.district) >= 4.5


def test_every_pictogram_is_in_a_set_and_on_the_sheet():
    names = pictograms(read_definitions().values())
    assert len(names) > 30
    assert not [name for name in names if not any((folder / f"{name}.svg").is_file() for folder in ICONS)]
    for ratio in (1, 2):
        sprite = draw_sprite(names, ICONS, ratio)
        assert sprite.png.startswith(b"\x89PNG")
        width, height = (int.from_bytes(sprite.png[start : start + 4]) for start in (16, 20))
        assert sprite.index.keys() == {name + ink for name in names for ink in ("-dark", "-light")}
        places = [(place["x"], place["y"]) for place in sprite.index.values()]
        assert len(places) == len(set(places))
        assert all(x + 15 * ratio <= width and y + 15 * ratio <= height for x, y in places)


def test_a_pictogram_that_no_set_has_is_a_dot():
    assert draw_sprite(("no-such-pictogram",), ICONS, 1).index.keys() == {
        "no-such-pictogram-dark",
        "no-such-pictogram-light",
    }


@given(color=colors, ground=colors, least=st.floats(1, 4.5))
def test_a_readable_colour_is_readable(color, ground, least):
    ink = max("#000000", "#ffffff", key=lambda one: contrast(one, ground))
    assert contrast(readable(color, ground, ink, least), ground) >= least - 1e-9


@given(color=colors, ground=colors, share=st.floats(0, 1))
def test_a_mixed_colour_lies_between(color, ground, share):
    grey = mix(color, ground, share)
    assert mix(color, ground, 1) == color
    assert mix(color, ground, 0) == ground
    assert len(grey) == 7
    per_channel = [sorted((int(color[at : at + 2], 16), int(ground[at : at + 2], 16))) for at in (1, 3, 5)]
    assert all(
        one <= int(grey[at : at + 2], 16) <= other for (one, other), at in zip(per_channel, (1, 3, 5), strict=True)
    )


@pytest.mark.parametrize("name", THEMES)
def test_what_is_over_is_drawn_faintly_and_below_the_rest(name):
    point = next(layer for layer in style_of(name)["layers"] if layer["id"] == "events:point")
    drawn = {
        stage: [
            evaluate(expression, StyledFeature({"stage": stage, "severity": "2"}, "Point", 15))
            for expression in (
                point["paint"]["circle-opacity"],
                point["paint"]["circle-stroke-opacity"],
                point["layout"]["circle-sort-key"],
            )
        ]
        for stage in ("handle", "suspended", "closed", "merged", "voided")
    }
    assert drawn["handle"] == drawn["suspended"] == [1, 1, 1]
    assert drawn["closed"] == drawn["merged"] == drawn["voided"] == [0.22, 0.22, 0]
