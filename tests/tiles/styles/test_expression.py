"""Expressions of our styles give the values of MapLibre's own evaluation."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from functools import cache

import pytest

from layers.definition import read_code_lists
from tests.tiles.styles.catalogue import catalogue, style_of
from tests.tiles.styles.test_styles import MODULES, THEMES, read_by
from tiles.styles.expression import StyledFeature, evaluate

SAMPLES = 12
KINDS = ("Point", "LineString", "Polygon")
NOT_COMPARED = {"text-font", "visibility"}
EVALUATE = """
import {readFileSync} from 'node:fs';
const {normalizePropertyExpression, featureFilter, latest} = await import(process.argv[2]);
const plain = (value) => {
  if (value === null || value === undefined) return null;
  if (value.constructor?.name === 'Color') return [...value.rgb.slice(0, 3).map((part) => part * 255), value.a];
  if (value.constructor?.name === 'Formatted') return value.sections.map((part) => part.text).join('');
  if (value.constructor?.name === 'ResolvedImage') return value.name;
  return Array.isArray(value) ? value : (value.values ?? value);
};
const asked = JSON.parse(readFileSync(0, 'utf8'));
const answers = asked.map(({group, name, expression, properties, kind, zoom}) => {
  const feature = {type: kind + 1, properties, id: 1};
  if (name === 'filter') return featureFilter(expression, 'filter').filter({zoom}, feature);
  const made = normalizePropertyExpression(expression, name, latest[group][name]);
  return plain(made.evaluate({zoom}, feature, {}, undefined, ['any']));
});
process.stdout.write(JSON.stringify(answers));
"""


@cache
def known():
    """Return the fields of all layers by name, and the codes of every list by its name."""
    fields = {}
    for layer in catalogue().values():
        for field in layer.definition.fields:
            fields.setdefault(field.name, []).append(field)
    return fields, {name: [code.code for code in one.codes] for name, one in read_code_lists().items()}


def value_of(name, chance):
    """Return a value in the form of tiles: a code, a number, a text."""
    if name == "count":
        return chance.choice([1, 3, 24, 25, 180, 9_999, 12_500])
    fields, codes = known()
    if fields[name][0].type in {"integer", "number"}:
        return round(chance.uniform(0, 400), 1)
    own = [code for field in fields[name] if field.codes for code in codes[field.codes]]
    return chance.choice([*own, "天河路", "12", ""])


def samples(theme):
    chance = random.Random(6)
    for layer in style_of(theme)["layers"]:
        if "source-layer" not in layer or layer["type"] == "fill-extrusion":
            continue
        asked = [(f"{group}_{layer['type']}", name, value) for group in ("paint", "layout")
                 for name, value in layer.get(group, {}).items() if name not in NOT_COMPARED]  # fmt: skip
        asked += [("", "filter", layer["filter"])] if "filter" in layer else []
        for group, name, expression in asked:
            for _ in range(SAMPLES):
                read = read_by(expression)
                properties = {one: value_of(one, chance) for one in read if one == "count" or chance.random() < 0.9}
                yield {"group": group, "name": name, "expression": expression, "properties": properties,
                       "kind": chance.randrange(3), "zoom": round(chance.uniform(8, 20), 2)}  # fmt: skip


def color_of(text):
    return [*bytes.fromhex(text[1:]), 1]


@pytest.mark.parametrize("theme", THEMES)
def test_every_expression_means_what_it_means_to_maplibre(theme, tmp_path):
    script = tmp_path / "evaluate.mjs"
    script.write_text(EVALUATE, encoding="utf-8")
    asked = list(samples(theme))
    package = MODULES / "@maplibre" / "maplibre-gl-style-spec" / "dist" / "index.mjs"
    told = subprocess.run(
        [shutil.which("node") or "node", script, package.as_uri()], input=json.dumps(asked), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    answers = json.loads(told.stdout)
    assert len(answers) == len(asked) > 1000
    operators = set()
    for one, answer in zip(asked, answers, strict=True):
        ours = evaluate(one["expression"], StyledFeature(one["properties"], KINDS[one["kind"]], one["zoom"]))
        if isinstance(one["expression"], list):
            operators.add(one["expression"][0])
        if isinstance(ours, str) and ours.startswith("#") and isinstance(answer, list):
            assert color_of(ours) == pytest.approx(answer, abs=1.01), one
        elif isinstance(answer, bool | str):
            assert ours == answer, one
        else:
            assert answer is not None, (one, ours)
            assert ours == pytest.approx(answer, rel=1e-6), one
    assert {"interpolate", "match", "all"} <= operators


def test_what_no_style_of_ours_has_is_told():
    with pytest.raises(ValueError, match="'within' is not known"):
        evaluate(["within", {}], StyledFeature({}, "Point", 10))
