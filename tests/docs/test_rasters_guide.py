"""The guide to rasters works as printed: its requests are answered, its loads succeed."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
from contextlib import ExitStack

import httpx
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from server import cli
from server.demo.load import load_rasters_once
from server.installation import PROJECT
from server.settings import DemoSettings, load_settings
from tests.databases import temporary_database
from tests.running_app import running_app

GUIDE = (PROJECT / "docs" / "guide" / "tiles.md").read_text(encoding="utf-8").partition("## 栅格 Rasters")[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, flags=re.DOTALL)
REQUESTS = next(block for block in BLOCKS if "curl" in block)
LOADS = [shlex.split(line.partition("  #")[0])[1:] for line in "".join(BLOCKS).splitlines() if "./onemap load" in line]


@pytest.fixture(scope="module")
def here(cluster, template, tmp_path_factory):
    """A server over a home with the demo's rasters: its address, its database, its folder."""
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as started:
        url = started.enter_context(temporary_database(cluster, template))
        asyncio.run(load_rasters_once(url, DemoSettings(), home))
        asyncio.run(load_rasters_once(url, DemoSettings(), home))  # does nothing
        settings = load_settings(home=home, database={"url": url})
        yield started.enter_context(running_app(settings)), url, home


def test_the_requests_answer(here, tmp_path):
    address, _, _ = here
    block = REQUESTS.replace("http://127.0.0.1:8000", address).replace("curl ", "curl -sS ")
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "lines.mvt").stat().st_size > 100
    assert (tmp_path / "rain.png").stat().st_size > 300
    listed = httpx.get(f"{address}/raster").json()["rasters"]
    assert {one["id"]: (one["synthetic"], one["vertical_datum"]) for one in listed} == {
        "dem": (True, "1985"),
        "rain": (True, None),
    }
    times = httpx.get(f"{address}/raster/rain/times").json()
    assert (len(times["times"]), times["step_s"]) == (12, 300)
    wet = {"type": "Polygon", "coordinates": [[[113.2, 23.0], [113.6, 23.0], [113.6, 23.4], [113.2, 23.0]]]}
    assert httpx.post(f"{address}/raster/rain/statistics", json=wet).json()["bands"]["b1"]["max"] > 1


def test_the_loads_load(here, tmp_path, monkeypatch):
    _, url, _ = here
    monkeypatch.setenv("ONEMAP_DATABASE_URL", url)
    monkeypatch.setenv("ONEMAP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    there = {"crs": "EPSG:4547", "transform": from_origin(434_000, 2_560_000, 10, 10)}
    options = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "float32"}
    assert len(LOADS) == 6
    for words in LOADS:
        with rasterio.open(tmp_path / words[1], "w", **options, **there) as file:
            file.write(np.ones((8, 8), dtype=np.float32), 1)
        cli.command().main(words, standalone_mode=False)  # raises what goes wrong
