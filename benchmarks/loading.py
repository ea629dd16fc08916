"""From an empty folder to the map, and a million points into it: set-up, second start, bulk loading.

Run it with `./onemap bench loading`; `./onemap bench features` shows these rows too.
"""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import numpy as np
import shapely

from benchmarks.machine import describe_machine, new_home
from benchmarks.memory import MemoryWatch
from benchmarks.results import Figure, at_most, benchmark_parser, report
from benchmarks.servers import free_port, get
from layers.cluster import running_url
from layers.cluster.place import find_place
from server.installation import PROJECT

CASES = ("demo", "second-up", "million")
_POINTS = 1_000_000
_UP_SECONDS_MAX = 600
_HEADER = ("id", "lon", "lat", "name", "device_id", "camera_type", "azimuth_deg", "online_status")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = benchmark_parser("loading", __doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo and the million, for trials (1)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    options = parser.parse_args(arguments)
    rows = measure(options.home.absolute(), CASES, options.scale)
    return report(rows, [describe_machine()], options)


def measure(folder: Path, cases: Sequence[str], scale: float = 1.0) -> list[Figure]:
    """Measure in a new home.

    The demo is always loaded: the points are located in its grids.
    """
    home = folder / "loading"
    new_home(home)
    with _up(home, scale) as first_s:
        print(f"→ first up, demo at scale {scale:g}: {first_s:.1f} s", flush=True)
    rows = [at_most(f"first up: database made, demo at scale {scale:g} generated and loaded", "s", first_s, 60)]
    with _up(home, scale) as second_s:
        print(f"→ second up: {second_s:.1f} s", flush=True)
        rows.append(at_most("second up, until /health answers", "s", second_s, 6))
        if "million" in cases:
            rows += _load_points(home, round(_POINTS * scale))
    by_case = {"demo": rows[:1], "second-up": rows[1:2], "million": rows[2:]}
    return [row for case in CASES if case in cases for row in by_case[case]]


@contextmanager
def _up(home: Path, scale: float) -> Iterator[float]:
    """Run `./onemap up`; yield the seconds until `/health` returned 200."""
    port = free_port()
    began = time.monotonic()
    arguments = ("up", "--home", str(home), "--port", str(port), "--demo-scale", f"{scale:g}", "--no-live")
    with (home / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [PROJECT / "onemap", *arguments], stdout=log, stderr=subprocess.STDOUT, env=_environment(), process_group=0
        )
    try:
        _wait_healthy(f"http://127.0.0.1:{port}/health", process, home)
        yield time.monotonic() - began
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_healthy(address: str, process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + _UP_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            get(address, timeout_s=5)
        except (OSError, RuntimeError):
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"onemap up did not answer; it said:\n{(home / 'up.log').read_text(encoding='utf-8')[-2000:]}")


def _load_points(home: Path, number: int) -> list[Figure]:
    """Load the points with `./onemap load`, and check that all are there with their grid."""
    url = running_url(home)
    place = find_place(home)
    if url is None or place is None:
        raise RuntimeError(f"the database of {home} does not run")
    file = home / "points.csv"
    asyncio.run(_write_points(url, file, number))
    before = asyncio.run(_count(url))
    postmaster = int((place.data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
    command: list[str | Path] = [
        PROJECT / "onemap",
        "load",
        file,
        "--layer",
        "video_points",
        "--crs",
        "EPSG:4490",
        "--home",
        home,
    ]
    began = time.monotonic()
    with (home / "load.log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=_environment())
        with MemoryWatch(load=process.pid, postgres=postmaster) as memory:
            code = process.wait()
    took_s = time.monotonic() - began
    rows, located = (after - was for after, was in zip(asyncio.run(_count(url)), before, strict=True))
    if code or rows != number or located < 0.99 * number:
        log = (home / "load.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{rows} of {number} points were loaded, {located} located in a grid; the log:\n{log}")
    title = f"{number:,} points from CSV (8 columns): validated, located in grids, indexed"
    gigabytes = {name: peak / 1e9 for name, peak in memory.peak_bytes.items()}
    print(
        f"→ {title}: {took_s:.1f} s, {gigabytes['load']:.2f} GB, PostgreSQL {gigabytes['postgres']:.2f} GB", flush=True
    )
    return [
        at_most(title, "s", took_s, 60),
        at_most("  the same, most memory of onemap load", "GB", gigabytes["load"], 1),
        at_most(
            "  the same, most memory of PostgreSQL, shared pages counted in every process",
            "GB",
            gigabytes["postgres"],
            None,
        ),
    ]


async def _count(url: str) -> tuple[int, int]:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("SELECT count(*) AS rows, count(grid_code) AS located FROM layer.video_points")
        return row["rows"], row["located"]
    finally:
        await connection.close()


async def _write_points(url: str, file: Path, number: int) -> None:
    """Write a CSV of seeded points inside the district's outline."""
    connection = await asyncpg.connect(url)
    try:
        outline = shapely.from_wkb(await connection.fetchval("SELECT ST_AsBinary(ST_Union(geom)) FROM layer.grids"))
    finally:
        await connection.close()
    chance = np.random.default_rng(440106)
    west, south, east, north = outline.bounds
    shapely.prepare(outline)
    lon, lat = np.empty(0), np.empty(0)
    while len(lon) < number:
        x, y = chance.uniform(west, east, number), chance.uniform(south, north, number)
        inside = shapely.contains_xy(outline, x, y)
        lon, lat = np.append(lon, x[inside]), np.append(lat, y[inside])
    places = zip(lon[:number].round(7).tolist(), lat[:number].round(7).tolist(), strict=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(_HEADER)
        writer.writerows(_record(n, x, y) for n, (x, y) in enumerate(places, start=1))


def _record(n: int, x: float, y: float) -> tuple[object, ...]:
    device = f"44010600991320{n % 1_000_000:06}"
    return (
        f"bench-{n:07}",
        x,
        y,
        f"视频点 {n}",
        device,
        str(n % 4 + 1),
        n * 37 % 3600 / 10,
        "online" if n % 9 else "offline",
    )


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ONEMAP_", "PYTHON"))}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the server too
    sys.exit(main())
