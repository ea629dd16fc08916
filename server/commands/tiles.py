"""``onemap tiles …``: draws tiles in advance, and exports them as a file."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import batched
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from layers.actor import OPERATOR, Actor, anonymous_under
from layers.audit.note import note
from layers.audit.record import AuditAction, local_subject
from layers.catalog import Catalog, read_catalog
from layers.clause import EMPTY
from layers.database.connection import Role, create_pool
from layers.database.identity import database_identity
from layers.errors import BadInput
from layers.policy.read import read_policy
from layers.types import BBox
from server.audit.watermark import Watermark
from server.build import build_id
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.database import open_database
from server.settings import Settings
from server.tiles.cache_settings import tile_cache
from server.tiles.extent import extent_of
from server.tiles.tilejson import tilejson_of
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.archive import Head, writing
from tiles.cache import Tile
from tiles.call import Part, TileCall
from tiles.maker import TileMaker
from tiles.pyramid import count_over, tiles_over

_AT_ONCE = 4
_console = Console(stderr=True, highlight=False)
ZoomsOption = Annotated[str, typer.Option("--zooms", help="缩放级别，如 8-14。 Zooms, as 8-14 or 12.")]
OperatorOption = Annotated[
    bool, typer.Option("--operator", help="操作员所见，而非公众所见。 What the operator sees, not the public.")
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(app, "tiles", "瓦片。 Tiles.", {"warm": warm, "export": export})


def warm(
    layer: Annotated[str, typer.Argument(help="图层，多个用逗号分隔。 A layer, or several by comma.")],
    zooms: ZoomsOption = "8-14",
    operator: OperatorOption = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """预先绘制瓦片，放入磁盘缓存；可中断，再次运行会跳过已有的。 Draw tiles into the cache on disk.

    Interrupt it at will: what is drawn stays, and the next run passes over it.
    """
    settings = settings_of(home, config)
    if not settings.tiles.disk_mib:
        raise BadInput("tiles.disk_mib is 0: there is no cache on disk to fill", parameter="tiles.disk_mib")
    with open_database(settings) as url:
        drawn, kept = asyncio.run(_warm(url, settings, layer, _zooms(zooms), _reader(settings, operator)))
    _console.print(f"绘制 drawn: {drawn:,}；已有 there already: {kept:,}")


def export(
    layer: Annotated[str, typer.Argument(help="图层，多个用逗号分隔。 A layer, or several by comma.")],
    file: Annotated[Path, typer.Argument(help="写入的文件 *.pmtiles。 The file to write.")],
    zooms: ZoomsOption = "8-14",
    operator: OperatorOption = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """导出为一个 PMTiles 文件。 Export tiles as one PMTiles file, for a web page, QGIS, or another OneMap.

    --operator：记入审计，文件元数据带水印。 With --operator it is in the audit, and the file says who made it.
    """
    settings = settings_of(home, config)
    if not file.parent.is_dir():
        message = f"文件夹不存在 there is no folder '{file.parent}'; make it first, or name another file"
        raise BadInput(message, parameter="file")
    with open_database(settings) as url:
        count = asyncio.run(_export(url, settings, layer, _zooms(zooms), file, _reader(settings, operator)))
    _console.print(f"{file}: {count:,} 个瓦片 tiles, {file.stat().st_size / 1e6:.1f} MB")


def _reader(settings: Settings, operator: bool) -> Actor:  # of an option
    return OPERATOR if operator else anonymous_under(read_policy(settings.policy.folder))


def _zooms(text: str) -> range:
    found = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not 0 <= first <= last <= 22:
        raise BadInput(f"--zooms is '{text}'; write one or two with a hyphen, 0 to 22: 8-14", parameter="zooms")
    return range(first, last + 1)


class _Walk:
    """The tiles of layers over their extent."""

    def __init__(self, maker: TileMaker, catalog: Catalog, names: str, actor: Actor) -> None:
        self.maker, self.actor = maker, actor
        self.layers = [catalog.visible(name.strip(), actor) for name in names.split(",")]

    def box(self) -> BBox:
        extent = extent_of(self.layers)
        if extent is None:
            raise BadInput(
                f"nothing lies in {', '.join(layer.id for layer in self.layers)}: there are no tiles to make"
            )
        return extent

    async def tile(self, address: TileAddress) -> Tile:
        parts = tuple(Part(layer, EMPTY) for layer in self.layers)
        return await self.maker.tile(TileCall(parts, self.actor, address, address.box(BUFFER / EXTENT), ""))


@asynccontextmanager
async def _walking(url: str, settings: Settings, names: str, actor: Actor) -> AsyncIterator[_Walk]:
    pool = await create_pool(url, Role.READ, size=_AT_ONCE, statement_timeout_ms=600_000)
    cache = tile_cache(settings, pool)
    try:
        async with pool.acquire() as connection:
            catalog, database = await read_catalog(connection), await database_identity(connection)
        maker = TileMaker(cache, pool, pool, settings.limits.tile_features, build_id(), lambda: database)
        yield _Walk(maker, catalog, names, actor)
    finally:
        await cache.close()
        await pool.close()


async def _made(walk: _Walk, zooms: range) -> AsyncIterator[tuple[TileAddress, Tile]]:
    """Yield the tiles of a pyramid in order, made a few at a time, with a progress bar.

    Raises
    ------
    RuntimeError
        At the end, when tiles of the box are missing: an export must be complete.
    """
    box, made_so_far = walk.box(), 0
    total = count_over(box, zooms)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=_console) as progress:
        task = progress.add_task("瓦片 tiles", total=total, rate="")
        for some in batched(tiles_over(box, zooms), _AT_ONCE):
            for made in zip(some, await asyncio.gather(*map(walk.tile, some)), strict=True):
                yield made
            made_so_far += len(some)
            speed = progress.tasks[task].finished_speed or progress.tasks[task].speed
            progress.update(task, advance=len(some), rate=f"{speed:,.0f}/s" if speed else "")
    if made_so_far != total:
        raise RuntimeError(f"{made_so_far:,} tiles were made of the {total:,} over {box}")


async def _warm(url: str, settings: Settings, names: str, zooms: range, actor: Actor) -> tuple[int, int]:
    async with _walking(url, settings, names, actor) as walk:
        async for _ in _made(walk, zooms):
            pass
        return walk.maker.cache.served.drawn, walk.maker.cache.served.disk


async def _export(url: str, settings: Settings, names: str, zooms: range, file: Path, actor: Actor) -> int:
    watermark = None
    if not actor.is_anonymous:
        await note(url, AuditAction.EXPORT, f"tiles/{names[:200]}", detail={"zooms": f"{zooms[0]}-{zooms[-1]}"})
        watermark = Watermark(local_subject().id, "", "").members
    async with _walking(url, settings, names, actor) as walk:
        described = tilejson_of(walk.layers, actor, base="")
        head = Head(
            name=described["name"],
            description=described["description"],
            attribution=described["attribution"],
            bounds_crs84=walk.box(),
            zooms=zooms,
            vector_layers=tuple(described["vector_layers"]),
            watermark=watermark,
        )
        count = 0
        with writing(file, head) as add:
            async for address, tile in _made(walk, zooms):
                add(address.z, address.x, address.y, tile.gzipped())
                count += bool(tile.content)
        return count
