"""``onemap layers``: lists the catalogue."""

from __future__ import annotations

import asyncio

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.catalog import Catalog, Layer, read_catalog
from layers.database.connection import Role, connected
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import open_database

_WIDE = 160


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="layers")(list_layers)


def list_layers(home: HomeOption = None, config: ConfigOption = None) -> None:
    """图层一览。 List the layers: rows, version, extent."""
    with open_database(settings_of(home, config)) as url:
        catalog = asyncio.run(_read(url))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # a file or a pipe has no width
    table = Table(box=SIMPLE_HEAD)
    for title in ("图层 layer", "标题 title", "几何 geometry"):
        table.add_column(title, no_wrap=True)
    table.add_column("要素 rows", justify="right")
    table.add_column("版本 version", justify="right")
    table.add_column("范围 extent °", no_wrap=True)
    for layer in catalog.values():
        table.add_row(*_row(layer, wide=console.width >= _WIDE))
    console.print(table)


async def _read(url: str) -> Catalog:
    async with connected(url, Role.OWNER) as connection:
        return await read_catalog(connection)


def _row(layer: Layer, *, wide: bool) -> tuple[str, ...]:
    definition, extent = layer.definition, layer.extent_crs84
    titles = f"{definition.title_zh} {definition.title_en}" if wide else definition.title_zh
    titles += "（合成 synthetic）" if wide and definition.synthetic else ""
    box = " ".join(f"{degrees:.3f}" for degrees in extent) if extent else "–"
    return definition.id, titles, definition.geometry_type, f"{layer.row_count:,}", str(layer.version), box
