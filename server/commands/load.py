"""``onemap load``: loads a file into a layer, or a GeoTIFF into the raster store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from layers.errors import BadInput
from layers.load import LoadOptions, LoadProgress, LoadSummary, load_file
from layers.load.file import DEFAULT_GRADE
from layers.load.reasons import in_words
from layers.loaders.column_names import use_district_columns
from layers.loaders.raster import Overlap, RasterOptions, RasterSummary, load_raster
from layers.loaders.sniff import Format, sniff
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import open_database

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


TimeOption = Annotated[
    str | None,
    typer.Option(help="时刻（栅格）：时间、文件名格式或 tag。 A time, a pattern like rain_%Y%m%d%H%M.tif, or tag."),
]
OverlapOption = Annotated[
    Overlap | None, typer.Option(help="重叠处（栅格）以谁为准。 Which of overlapping rasters is seen.")
]
DatumOption = Annotated[
    str | None, typer.Option(help="高程基准（栅格），如 1985。 What heights of a raster are above: 1985, pearl …")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(load)


def load(  # noqa: PLR0917  # typer takes the options by name
    file: Annotated[
        Path,
        typer.Argument(help="文件。 GeoJSON, GeoPackage, Shapefile, FlatGeobuf, GeoParquet, CSV, XLSX, OSM, GeoTIFF."),
    ],
    layer: Annotated[
        str, typer.Option(help="图层。 The layer to fill; one that is not defined is made from the file.")
    ],
    crs: Annotated[str, typer.Option(help="坐标系。 auto, EPSG:n, gcj02 or bd09.")] = "auto",
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="字段=列名，可多次。 field=column, also lon=, lat=, x=, y=, wkt=, lonlat=, id=."),
    ] = None,
    mode: Annotated[str, typer.Option(help="append 追加, replace 替换, upsert 按 id 更新。")] = "append",
    grade: Annotated[int | None, typer.Option(min=1, max=4, help="数据分级。 Data grade of the rows, 1 to 4.")] = None,
    vertical_datum: DatumOption = None,
    time: TimeOption = None,
    overlap: OverlapOption = None,
    encoding: Annotated[str | None, typer.Option(help="文字编码。 Of the texts, as gbk; found out by default.")] = None,
    source_layer: Annotated[str | None, typer.Option(help="源图层或工作表。 Layer or sheet of the file.")] = None,
    fix: Annotated[
        list[str] | None, typer.Option(help="修正 swapped, scaled, zone_prefixed。 Put such coordinates right.")
    ] = None,
    *,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="允许区外要素。 Features may lie outside the district.")
    ] = False,
    no_geometry: Annotated[
        bool, typer.Option("--no-geometry", help="建立没有位置的表。 The rows have no place; coordinates are fields.")
    ] = False,
    lower_grades: Annotated[
        bool, typer.Option("--lower-grades", help="允许降低已有要素的分级。 Features may get a lower grade.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只检查，不写入。 Check everything, and change nothing.")
    ] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """载入文件到图层，失败则不改变任何内容。 Load a file into a layer; a failed load changes nothing."""
    settings = settings_of(home, config)
    use_district_columns(settings.layers.folder)
    with open_database(settings) as url:
        if sniff(file) is Format.GEOTIFF:
            if dry_run:
                raise BadInput("--dry-run is for features; a raster is checked when it is stored", parameter="dry_run")
            raster = RasterOptions(grade, vertical_datum, overlap=overlap)
            folder = settings.home / "rasters"
            stored = asyncio.run(load_raster(url, file, layer, folder, crs=crs, options=raster, mode=mode, time=time))
            print_raster(stored)
            return
        options = LoadOptions(
            crs, parse_mapping(map_ or []), grade, encoding, source_layer, frozenset(fix or ()),
            anywhere, no_geometry, lower_grades,
        )  # fmt: skip
        with ProgressBar(file.name) as bar:
            loading = load_file(url, file, layer, options, mode=mode, dry_run=dry_run, progress=bar.show)
            summary = asyncio.run(loading)
    _conclude(summary, dry_run=dry_run)


def _conclude(summary: LoadSummary, *, dry_run: bool) -> None:
    """Print the summary; exit with 1 when no row was loaded, so that a script does not take it for success."""
    if dry_run:
        _out.print("试运行，未改变任何内容 a dry run, nothing has changed:")
    print_summary(summary)
    if summary.rejected and not summary.loaded:
        raise typer.Exit(1)


def parse_mapping(pairs: list[str]) -> dict[str, str]:
    """Read `field=column` pairs.

    Raises
    ------
    BadInput
        When a pair is not of this form, or names a field twice.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not equals or not field.strip() or not column:
            raise BadInput(f"--map is '{pair[:80]}'; write field=column", parameter="map")
        if field.strip() in mapping:
            raise BadInput(f"--map names the field '{field.strip()}' twice", parameter="map")
        mapping[field.strip()] = column
    return mapping


class ProgressBar:
    """A progress bar with rows, rate and time left; silent on a pipe."""

    def __init__(self, title: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]:>12,} 行 rows"),
            TextColumn("{task.fields[rate]:>9,.0f}/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=_err,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task(title, total=None, rows=0, rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, progress: LoadProgress) -> None:
        """Show the progress of a load."""
        elapsed_s = self._bar.tasks[self._task].elapsed or 0.0
        moving = progress.stage == "moving"
        self._bar.update(
            self._task,
            total=None if moving or progress.fraction is None else 1.0,
            completed=progress.fraction or 0.0,
            description="写入图层 moving into the layer" if moving else None,
            rows=progress.read,
            rate=progress.read / max(elapsed_s, 0.1),
        )


def print_raster(stored: RasterSummary) -> None:
    """Print the summary of a stored raster."""
    when = f", {stored.time:%Y-%m-%dT%H:%M:%SZ}" if stored.time else ""
    _out.print(f"✓ 栅格 raster {stored.id}: {stored.width} × {stored.height}, EPSG:{stored.srid}{when}, {stored.file}")
    for note in stored.notes:
        _out.print(f"  说明 note: {note}", markup=False)
    if stored.members > 1:
        _out.print(f"  现有 {stored.members:,} 个文件 files in it now; --mode replace 只留此文件 keeps this one alone")


def print_summary(summary: LoadSummary) -> None:
    """Print the summary of a load, and the next step."""
    made = "（新图层 new layer）" if summary.new_layer and summary.loaded else ""
    _out.print(f"{summary.source} → {summary.layer}{made} [{summary.format}, {summary.mode}]", markup=False)
    rows = (
        f"  读取 read {summary.read:,} · 载入 loaded {summary.loaded:,} · 修正 repaired {summary.repaired.total():,} · "
        f"隔离 rejected {summary.rejected.total():,} · {summary.elapsed_s:.1f} s"
    )
    _out.print(rows)
    for title, counts in (("修正 repaired", summary.repaired), ("隔离 rejected", summary.rejected)):
        for kind, count in counts.most_common():
            _out.print(f"    {title}: {in_words(kind)} × {count:,}", markup=False)
    if summary.loaded and summary.id_column is None:
        _out.print("  标识由内容生成 ids are made of the content: a changed feature is a new one (--map id=column)")
    if summary.loaded and summary.ungraded:
        _out.print(
            f"  数据分级 graded {DEFAULT_GRADE}：公众不可见 the public does not see it; "
            "公开 to publish: --grade 1 | 2 --mode replace --lower-grades"
        )
    for note in summary.notes:
        _out.print(f"  说明 note: {note}", markup=False)
    if summary.ignored:
        _out.print(f"  未用的列 columns not used: {', '.join(summary.ignored)}（--map field=column）", markup=False)
    if summary.rejected and summary.load_id is not None:
        _out.print(f"  下一步 next: onemap quarantine list --layer {summary.layer}")
