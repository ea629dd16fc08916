"""Table 7.3 as GDAL, and so QGIS, reads it: five readers, each with a token of its role or with none."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from server.settings import load_settings
from tests.layers.policy.features import FEATURES, SERVED
from tests.layers.policy.test_table_7_3 import FULL, HIDDEN, NONE, PART, READERS, TABLE
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_app

READ = """
import json, sys
import pyogrio
source, config, wanted = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
pyogrio.set_gdal_config_options(config)
listed = pyogrio.list_layers(source)[:, 0].tolist()
read = {}
for layer in set(listed) & set(wanted):
    meta, _, shapes, columns = pyogrio.raw.read(source, layer=layer)
    rows = zip(*(column.tolist() for column in columns))
    read[layer] = [dict(zip(meta["fields"].tolist(), row)) for row in rows]
    for row, shape in zip(read[layer], shapes):
        row["geom"] = shape is not None
print(json.dumps(read, default=str))
"""
PEOPLE = ("anonymous", "street", "grid", "analyst", "auditor")


@pytest.fixture(scope="module", params=PEOPLE)
def reading(request, district, policy, served):
    """What one reader gets of every layer of the table: the reader, and the rows of each layer by their id."""
    name, config = request.param, {}
    if name != "anonymous":
        asked = READERS[name]
        labels = IdentityLabels(
            (asked["role"],),
            tuple(asked.get("areas", ())),
            (),
            policy.clearance_of([asked["role"]]),
            dict(asked.get("attributes", ())),
        )
        token = district.run(add_token(district.connection, name, labels, 1))
        config = {"GDAL_HTTP_USERPWD": f"qgis:{token}", "GDAL_HTTP_AUTH": "BASIC"}
    command = [sys.executable, "-c", READ, f"OAPIF:{served}/ogc", json.dumps(config), json.dumps(list(FEATURES))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    layers = json.loads(done.stdout.splitlines()[-1])
    return name, {layer: {row["id"]: row for row in rows} for layer, rows in layers.items()}


@pytest.fixture(scope="module")
def served(district, tmp_path_factory):
    """Return the address of a service of the table's features under the shipped policy."""
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, database={"url": district.url}, policy={"folder": SHIPPED_POLICY})
    with running_app(settings) as address:
        yield address


def shown(row, layer, field, feature):
    """Return how GDAL was shown a field of a row; None for no row."""
    if row is None:
        return HIDDEN
    value = row.get(field)
    if field == "geom":
        return FULL if value else NONE
    if value is None or str(value) == "nan":  # where a number is absent
        return NONE
    stored = next(values for name, _, values in FEATURES[layer] if name == feature)
    true = stored.get(field, SERVED.get(field))
    if isinstance(true, list) or str(true)[:1] in "[{":
        return FULL  # JSON is written in GDAL's own way
    same = float(value) == true if isinstance(true, float | int) and not isinstance(value, str) else value == true
    return FULL if same else PART


def test_gdal_is_shown_what_the_table_says(reading):
    name, layers = reading
    for layer, field, feature, reader, mark in (param.values for param in TABLE):
        if reader != name:
            continue
        found = shown(layers.get(layer, {}).get(feature), layer, field, feature)
        said = mark if field != "geom" or mark != PART else FULL  # GDAL's row does not tell where the place was
        assert found == said or {found, mark} == {NONE, HIDDEN}, (layer, field, feature)
