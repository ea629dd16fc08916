"""GDAL, and so QGIS, reads with a token in both ways: a header, and basic auth with the token as the password."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.ogc.service import fill

READ = """
import json, sys
import pyogrio
source, config = sys.argv[1], json.loads(sys.argv[2])
pyogrio.set_gdal_config_options(config)
names = pyogrio.list_layers(source)[:, 0].tolist()
print(json.dumps({"layers": names, "rows": len(pyogrio.read_dataframe(source, layer="points"))}))
"""


@pytest.fixture
def gdal(database_url, live_server):
    """Return a function that reads the service with some of GDAL's settings; None when GDAL was refused."""
    fill(database_url, 60)
    source = f"OAPIF:{live_server(database_url)}/ogc"

    def read(**config):
        command = [sys.executable, "-c", READ, source, json.dumps(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None

    return read


def test_a_token_opens_more_by_a_header_and_by_basic_auth(gdal, new_token):
    token = new_token("qgis")
    public = gdal()
    ways = [
        gdal(GDAL_HTTP_AUTH="BEARER", GDAL_HTTP_BEARER=token),  # this driver does not send GDAL_HTTP_HEADERS
        gdal(GDAL_HTTP_USERPWD=f"anything:{token}", GDAL_HTTP_AUTH="BASIC"),
    ]
    assert ways[0] == ways[1]
    assert "hidden" in ways[0]["layers"]
    assert "hidden" not in public["layers"]
    assert ways[0]["rows"] > public["rows"]
    assert gdal(GDAL_HTTP_USERPWD=f"anything:{token[:-1]}", GDAL_HTTP_AUTH="BASIC") is None
