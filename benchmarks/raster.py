"""Tiles of rasters: we and TiTiler on the same cloud-optimised GeoTIFFs, drawn and from the cache."""

from __future__ import annotations

import argparse
import asyncio
import random
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

import numpy as np
import rasterio
from rasterio.transform import from_bounds
from rasterio.warp import transform_bounds

from benchmarks import peers
from benchmarks.contest.contestant import OURS, Contestant, turns
from benchmarks.load import load, warm_up
from benchmarks.results import Figure, at_least, faster
from benchmarks.servers import WORKERS, Command, free_port, get, running, running_ours
from benchmarks.tables import EAST, NORTH, SOUTH, WEST
from layers.loaders.raster import RasterOptions, load_raster
from tiles.cells import cell_of

SYSTEMS = {"bench_dem": 4547, "bench_dem_mercator": 3857}
ZOOMS = (12, 14, 16)
SIDE = 6000  # pixels
_TILES = 300  # random ones at each zoom
_FEW = 2  # connections, as for vector tiles
_WARM_GOAL = 4_000
_NO_CACHE = {"memory_mib": 0, "disk_mib": 0}
_STYLE = {"rescale": "0,120"}
_TITILER = """
from fastapi import FastAPI
from titiler.core.factory import TilerFactory

app = FastAPI()
app.include_router(TilerFactory().router)


@app.get("/healthz")
def healthz():
    return "ok"
"""
_TUNED = {  # as its own guide to performance has it
    "GDAL_CACHEMAX": "200",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
}


type RasterContestant = Contestant[[str, int, int, int]]  # raster, z, x, y


def measure(url: str, options: argparse.Namespace) -> list[Figure]:
    """Measure random tiles of two rasters drawn anew, and tiles from the cache."""
    files = asyncio.run(_load_rasters(url, options.home))
    return [*_measure_drawn(url, options, files), *_measure_warm(url, options)]


async def _load_rasters(url: str, home: Path) -> dict[str, Path]:
    """Load hills with some noise in two reference systems; return the stored files, which both servers read."""
    chance = np.random.default_rng(4)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    heights = 60 + 40 * np.sin(columns / 700) * np.cos(rows / 500) + chance.normal(0, 0.3, (SIDE, SIDE))
    found = {}
    for name, srid in SYSTEMS.items():
        west, south, east, north = transform_bounds("EPSG:4326", f"EPSG:{srid}", WEST, SOUTH, EAST, NORTH)
        path = home / f"{name}.tif"
        options = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32", "nodata": -9999}
        there = {"crs": f"EPSG:{srid}", "transform": from_bounds(west, south, east, north, SIDE, SIDE)}
        with rasterio.open(path, "w", **options, **there) as file:
            file.write(heights.astype(np.float32), 1)
        stored = await load_raster(
            url, path, name, home / "rasters", options=RasterOptions(1, synthetic=True), mode="replace"
        )
        path.unlink()
        found[name] = stored.file
    return found


def _contestants(url: str, options: argparse.Namespace, files: dict[str, Path]) -> list[RasterContestant]:
    ask = urlencode(_STYLE)
    found: list[RasterContestant] = [
        Contestant(
            OURS,
            lambda: running_ours(url, options.home, tiles=_NO_CACHE),
            lambda name, z, x, y: f"/raster/{name}/{z}/{x}/{y}.png?{ask}",
        )
    ]
    if "titiler" in options.peers.split(","):
        found.append(
            Contestant(
                "titiler",
                lambda: _titiler(options.home),
                lambda name, z, x, y: (
                    f"/tiles/WebMercatorQuad/{z}/{x}/{y}.png?url={quote(str(files[name]), safe='')}&{ask}"
                ),
            )
        )
    return found


def _titiler(home: Path) -> AbstractContextManager[str]:
    programs = peers.install(peers.TITILER, home)
    (home / "titiler_app.py").write_text(_TITILER, encoding="utf-8")
    port = free_port()
    serve = (str(programs / "uvicorn"), "--port", str(port), *peers.QUIET, "--app-dir", str(home))
    return running(Command((*serve, "titiler_app:app"), _TUNED, "/healthz"), port, home / "titiler.log")


def _tiles(zoom: int) -> list[tuple[int, int]]:
    chance = random.Random(zoom)
    return [
        cell_of(chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH), zoom)
        for _ in range(_TILES)
    ]  # fmt: skip


def _measure_drawn(url: str, options: argparse.Namespace, files: dict[str, Path]) -> list[Figure]:
    taking_part = _contestants(url, options, files)
    rates: dict[tuple[str, str, int], list[float]] = {}
    for contestant in turns(taking_part, options.rounds, "rasters, "):
        with contestant.start() as address:
            for name, zoom in product(files, ZOOMS):
                paths = [contestant.path(name, zoom, x, y) for x, y in _tiles(zoom)]
                if not get(address + paths[0]).startswith(b"\x89PNG"):
                    raise RuntimeError(f"{paths[0]} is no image")
                seconds = options.seconds / options.rounds / 2
                expected = warm_up(address, paths, min(1, seconds / 2))
                rate = load(address, paths, seconds, options.home, expected, connections=_FEW).rate
                rates.setdefault((contestant.name, name, zoom), []).append(rate)
                print(f"  {name:20} z{zoom} {rate:9.1f} req/s", flush=True)
    rows = []
    for name, srid in SYSTEMS.items():
        for zoom in ZOOMS:
            title, ours = f"raster EPSG:{srid} z{zoom}, drawn", median(rates[OURS, name, zoom])
            if len(taking_part) > 1:
                rows.append(faster(f"{title}, × titiler", ours, median(rates["titiler", name, zoom]), 1))
            else:
                rows.append(at_least(title, "req/s", ours, None))
    return rows


def _measure_warm(url: str, options: argparse.Namespace) -> list[Figure]:
    ask = urlencode(_STYLE)
    paths = [f"/raster/bench_dem/14/{x}/{y}.png?{ask}" for x, y in sorted(set(_tiles(14)))[:60]]
    with running_ours(url, options.home) as address:
        for path in paths * 8:  # until both workers hold every tile
            get(address + path)
        expected = warm_up(address, paths, 1)
        rate = load(address, paths, options.seconds, options.home, expected).rate
    return [at_least("raster, warm tile, each worker", "req/s", rate / WORKERS, _WARM_GOAL)]
