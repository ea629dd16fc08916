"""``onemap quarantine``: lists, exports and reloads rows that could not be loaded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.errors import BadInput
from layers.load.quarantine import (
    count_quarantine,
    export_quarantine,
    list_quarantine,
    require_layer,
    retry_quarantine,
)
from layers.load.reasons import in_words
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.commands.load import ProgressBar, parse_mapping, print_summary
from server.database import open_database

_out = Console(highlight=False)
LayerOption = Annotated[str | None, typer.Option(help="只看此图层。 Only this layer.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "quarantine",
        "隔离区：未能载入的记录。 Rows that could not be loaded.",
        {"list": list_rows, "export": export, "retry": retry},
    )


def list_rows(
    layer: LayerOption = None,
    reason: Annotated[str | None, typer.Option(help="只看此原因。 Only this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="行数。 How many.")] = 20,
    after: Annotated[int, typer.Option(min=0, help="从此编号之后。 Only entries after this one.")] = 0,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """列出未能载入的记录及原因。 List the rows that wait, and why."""
    with open_database(settings_of(home, config)) as url:
        counts = asyncio.run(count_quarantine(url))
        if layer is not None and layer not in {of_layer for of_layer, _ in counts}:
            asyncio.run(require_layer(url, layer))
        entries = asyncio.run(list_quarantine(url, layer, reason=reason, limit=limit, after=after))
    for (of_layer, why), count in counts.items():
        if layer in (None, of_layer):
            _out.print(f"{of_layer}: {in_words(why)} × {count:,}", markup=False)
    if not entries:
        _out.print("没有待处理的记录 nothing waits")
        return
    table = Table(box=SIMPLE_HEAD)
    for title in ("编号 id", "图层 layer", "来源与行 source:line"):
        table.add_column(title, overflow="fold", max_width=24)
    table.add_column("原因与说明 reason, detail", overflow="fold", ratio=1)  # the column to read gets the room
    for entry in entries:
        where = entry.source if entry.line is None else f"{entry.source}:{entry.line}"
        why = f"{in_words(entry.reason)}: {entry.detail}" if entry.detail else in_words(entry.reason)
        table.add_row(*(_plain(cell) for cell in (entry.id, entry.layer, where, why)))
    _out.print(table)
    _out.print(
        "下一步 next: onemap quarantine export FILE.csv, onemap quarantine retry --layer NAME [--file FILE.csv]",
        markup=False,
    )


def export(
    file: Annotated[Path, typer.Argument(help="写到此文件（.csv 或 .geojson）。 File to write.")],
    layer: LayerOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """导出待修正的记录。 Write the waiting rows to a file that can be corrected."""
    kinds: dict[str, Any] = {".csv": "csv", ".geojson": "geojson"}
    if file.suffix.lower() not in kinds:
        raise BadInput(f"'{file.name}' must end in .csv or .geojson", parameter="file")
    with open_database(settings_of(home, config)) as url:
        count = asyncio.run(export_quarantine(url, file, layer, kind=kinds[file.suffix.lower()]))
    _out.print(f"✓ {count:,} 行 rows → {file}", markup=False)


def retry(
    layer: Annotated[str, typer.Option(help="图层。 The layer.")],
    file: Annotated[Path | None, typer.Option(help="修正后的导出文件。 The corrected export.")] = None,
    crs: Annotated[str | None, typer.Option(help="改用此坐标系。 Declare another coordinate system.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="字段=列名。 field=column.")] = None,
    fix: Annotated[list[str] | None, typer.Option(help="修正 swapped, scaled, zone_prefixed。")] = None,
    *,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="允许区外要素。 Features may lie outside the district.")
    ] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """重新载入。 Load the waiting rows again, as they are or from a corrected export."""
    changes: dict[str, Any] = {}
    changes |= {"crs": crs} if crs else {}
    changes |= {"mapping": parse_mapping(map_)} if map_ else {}
    changes |= {"fixes": frozenset(fix)} if fix else {}
    changes |= {"anywhere": True} if anywhere else {}
    with open_database(settings_of(home, config)) as url, ProgressBar(layer) as bar:
        summaries = asyncio.run(retry_quarantine(url, layer, corrected=file, progress=bar.show, **changes))
    for summary in summaries:
        print_summary(summary)


def _plain(cell: object) -> str:
    """Return the text of a cell without control characters, which could move the cursor, and without markup."""
    text = "–" if cell is None else str(cell)
    return "".join(c if c.isprintable() else "·" for c in text).replace("[", r"\[")
