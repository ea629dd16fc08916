"""Loading of the synthetic district: once, into an empty database, never beside a person's own rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from layers.catalog import read_catalog
from layers.database.connection import Role, connect, connected
from layers.demo.record import GENERATOR_VERSION, read_demo_record
from layers.read.rasters import read_raster_ids
from server.settings import DemoSettings


async def load_demo_once(url: str, demo: DemoSettings, console: Console) -> bool:
    """Load the demo unless it is loaded, is disabled, or the layers hold rows; return whether it is in the database."""
    if not demo.enabled:
        return False
    found, rows = await _state(url)
    if found is not None and (found["scale"], found["seed"]) != (demo.scale, demo.seed):
        console.print(
            f"已有演示数据 the demo is already loaded, at scale {found['scale']:g} and seed {found['seed']}; "
            "其他规模请换 --home another scale needs another --home"
        )
        return True
    if found is not None and found.get("version") == GENERATOR_VERSION:
        return True
    if found is None and rows:
        console.print("已有数据，不装入演示 there are rows already, so the demo is not loaded")
        return False
    from layers.demo.load import load_demo  # noqa: PLC0415  # slow to import, needed once

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("合成演示数据 synthetic demo", total=1.0)
        await load_demo(
            url,
            scale=demo.scale,
            seed=demo.seed,
            progress=lambda text, done: bar.update(task, description=text, completed=done),
        )
        bar.update(task, description="合成演示数据 synthetic demo", completed=1.0)
    return True


async def load_rasters_once(url: str, demo: DemoSettings, home: Path) -> None:
    """Load the synthetic terrain as the raster `dem` and an hour of rain as `rain`, each unless it exists."""
    async with connected(url, Role.OWNER) as connection:
        existing = await read_raster_ids(connection)
    if {"dem", "rain"} <= existing:
        return
    from layers.demo.rasters import ground, rain  # noqa: PLC0415  # slow to import, needed once
    from layers.loaders.raster import RasterOptions, load_raster  # noqa: PLC0415  # as above

    with TemporaryDirectory() as folder:
        if "dem" not in existing:
            file = Path(folder) / "地形 terrain.tif"
            ground.write_ground(file, demo.seed)
            options = RasterOptions(grade=1, vertical_datum=ground.VERTICAL_DATUM, synthetic=True)
            await load_raster(url, file, "dem", home / "rasters", options=options)
        if "rain" not in existing:
            files = rain.write_rain(Path(folder), datetime.now(UTC), demo.seed)
            options = RasterOptions(grade=1, title="合成降雨 synthetic rain, mm/h", synthetic=True)
            await load_raster(url, files, "rain", home / "rasters", options=options, time=rain.NAMES)


async def _state(url: str) -> tuple[dict[str, float] | None, int]:
    """Return the record of a loaded demo (None without one), and the number of rows of all layers."""
    connection = await connect(url, Role.OWNER)
    try:
        recorded = await read_demo_record(connection)
        catalog = await read_catalog(connection)
        return recorded, sum(layer.row_count for layer in catalog.values())
    finally:
        await connection.close()
