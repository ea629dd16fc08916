"""``onemap backup`` and ``onemap restore``: makes, lists, checks and restores backups, also for practice."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from layers.cluster import borrowed_cluster, running_url
from layers.cluster.archive import archived_segments, lineage, missing_segments
from layers.errors import BadInput, OneMapError
from layers.recovery.files import FileStore
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import LogicalBackup, Manifest
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import existing_home
from server.recovery.backup import StepReport, backup_folder, make_backup
from server.recovery.drill import Drill, drill
from server.recovery.recorded import record_recovery
from server.recovery.restore import WantedBackup, restore
from server.settings import Settings
from twin.rules.calendar import LOCAL

_out = Console(highlight=False, soft_wrap=True)
_RPO_S_MAX, _RTO_S_MAX = 15 * 60, 2 * 3600
FolderOption = Annotated[
    Path | None,
    typer.Option("--from", help="备份目录。 Folder of backups (default: backup.folder).", show_default=False),
]
BackupOption = Annotated[
    str | None, typer.Option("--backup", help="备份编号，默认最新。 Id of a backup; the newest.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the group of commands, which makes a backup without a further word, and the command to restore one."""
    group = typer.Typer(help="备份：制作、清单、核对、演练。 Backups: make, list, verify, drill.")
    group.callback(invoke_without_command=True)(backup)
    group.command(name="list")(list_backups)
    group.command()(verify)
    group.command(name="drill")(practise)
    app.add_typer(group, name="backup")
    app.command(name="restore")(restore_installation)


def backup(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option(help="备份目录，最好在另一块磁盘。 Folder of backups, best on another disk.")
    ] = None,
    reason: Annotated[str, typer.Option(help="备注。 Why it is made.")] = "手动 by hand",
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """备份：数据库、栅格与投递文件、配置、密钥。 Back up database, rasters and drops, configuration, secrets.

    私有数据库：基础备份加持续的日志归档，可恢复到任一时刻；已有数据库（ONEMAP_DATABASE_URL）：pg_dump 转储。
    The private database: a base backup and its log from now on, so that any moment can be restored. A database of
    yours (ONEMAP_DATABASE_URL): a dump, which needs no superuser. 密钥未加密 secrets are not encrypted (0600).
    """
    if context.invoked_subcommand is not None:
        return
    settings = with_folder(settings_of(home, config), to)
    folder = backup_folder(settings)
    with open_database_as_it_is(settings) as url, reporting() as report:
        for half in folder.halves() if folder.path.exists() else []:
            report(f"! 删除中断的备份 removing an interrupted backup: {half.name}", 0, 0)
        manifest = make_backup(settings, url, reason, config=config, report=report)
    _out.print(f"✓ 备份 backup {manifest.id}  {_size(manifest)}  {folder.path}", markup=False)
    _out.print(
        f"  密钥在其中，未加密，仅属主可读 secrets are in it, not encrypted, for its owner alone (0600): {folder.path}"
    )
    for what in manifest.left_out:
        _out.print(f"  不含 without {what}", markup=False)
    if folder.path.stat().st_dev == settings.home.stat().st_dev:
        _out.print("! 与数据在同一磁盘，请复制到别处 on the same disk as the data: copy it elsewhere")
    if isinstance(manifest.database, LogicalBackup):
        _out.print("  时间点恢复由该数据库服务器负责 points in time are the matter of that server's own backups")
    else:
        seconds = settings.backup.archive_timeout_s
        _out.print(f"  日志随后每 {seconds} 秒归档 the log follows within {seconds} s while the database runs")


def list_backups(source: FolderOption = None, home: HomeOption = None, config: ConfigOption = None) -> None:
    """备份清单，与可恢复的时段。 List the backups, and the time to which each can be restored."""
    folder = backup_folder(with_folder(settings_of(home, config), source))
    for backup_id in folder.ids():
        manifest = folder.read(backup_id)
        rows = sum(table.rows for table in manifest.measured.tables.values())
        kind = "转储 dump" if isinstance(manifest.database, LogicalBackup) else "基础备份 base"
        _out.print(f"{manifest.id}  {kind}  {_size(manifest)}  {rows:,} 行 rows  {manifest.reason}", markup=False)
    for half in folder.halves():
        _out.print(f"{half.name}  ! 未完成，不可恢复 interrupted, cannot be restored", markup=False)
    if segments := archived_segments(folder.wal):
        newest = (folder.wal / f"{segments[-1]}.gz").stat().st_mtime
        _out.print(f"日志 log: {len(segments)} 段 segments, 至 to {datetime.fromtimestamp(newest, UTC).isoformat()}")


def verify(
    source: FolderOption = None,
    backup_id: BackupOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """核对每个文件与日志的连续性。 Compare every file with its checksum, and look for gaps in the log.

    退出码 exit code: 0 完好 whole, 1 有损 damaged.
    """
    folder = backup_folder(with_folder(settings_of(home, config), source))
    manifest = folder.read(backup_id)
    store = FileStore(folder.path)
    found = [*folder.damages(manifest), *store.damages(store.read(manifest.files)), *_gaps(folder, manifest)]
    for damage in found:
        _out.print(f"✗ {damage}", markup=False)
    if found:
        raise typer.Exit(1)
    _out.print(f"✓ 完好 whole: {manifest.id}  {_size(manifest)}", markup=False)


def practise(
    source: FolderOption = None,
    backup_id: BackupOption = None,
    at: Annotated[
        Path | None, typer.Option("--in", help="临时数据放在何处。 Folder for the restored copy, removed afterwards.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """恢复演练：恢复到临时目录、比较、启动、删除。 Restore into a folder of its own, compare, start, remove.

    退出码 exit code: 0 成功 all is as it was, 1 否 not.
    """
    settings = with_folder(settings_of(home, config), source)
    folder = backup_folder(settings)
    running = settings.database.url or running_url(settings.home)
    with reporting() as report:
        found = drill(folder, backup_id=backup_id, running=running, at=at, report=report)
    _print_drill(found)
    raise typer.Exit(1 if found.faults else 0)


def _print_drill(found: Drill) -> None:
    table = Table(title=f"恢复演练 drill of {found.manifest.id}", show_header=False)
    table.add_row("表 tables", f"{found.tables} ({found.rows:,} 行 rows)")
    table.add_row("图层版本 versions of layers", str(len(found.manifest.measured.layers)))
    table.add_row("文件 files", f"{found.files}（校验和一致 checksums agree）")
    table.add_row("变更日志 change log", f"{found.manifest.measured.log_seq:,}")
    table.add_row("RPO", _against(found.rpo_s, _RPO_S_MAX))
    table.add_row("RTO", _against(found.rto_s, _RTO_S_MAX))
    if found.lost is not None:
        table.add_row("现在会丢失 lost if the disk died now", f"{found.lost:,} 条变更 changes")
    _out.print(table)
    for note in found.notes:
        _out.print(f"! 备份时正在变化 changed during the backup: {note}", markup=False)
    for fault in found.faults:
        _out.print(f"✗ {fault}", markup=False)
    if not found.faults:
        _out.print("✓ 与备份时一致，地图可启动 all is as it was at the backup, and the map starts")


def _against(seconds: float, limit_s: float) -> str:
    mark = "✓" if seconds <= limit_s else "✗"
    return f"{mark} {seconds:.0f} s（上限 limit {limit_s:,.0f} s）"


def _gaps(folder: BackupFolder, manifest: Manifest) -> list[str]:
    if isinstance(manifest.database, LogicalBackup):
        return []
    gaps = missing_segments(archived_segments(folder.wal), manifest.database.first_segment, lineage(folder.wal))
    return [f"the log lacks segment {gap}" for gap in gaps]


def _size(manifest: Manifest) -> str:
    return f"{sum(part.bytes for part in manifest.parts) / 1e6:,.1f} MB"


def with_folder(settings: Settings, folder: Path | None) -> Settings:
    """Return the settings with another folder of backups; None changes nothing."""
    if folder is None:
        return settings
    changed = settings.backup.model_copy(update={"folder": folder.absolute()})
    return settings.model_copy(update={"backup": changed})


@contextmanager
def open_database_as_it_is(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database; start its private server if it is not running, and migrate nothing."""
    with ExitStack() as opened:
        yield settings.database.url or opened.enter_context(borrowed_cluster(existing_home(settings)))


@contextmanager
def reporting() -> Iterator[StepReport]:
    """Show the steps of a long work: a bar in a terminal, else a line for each."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=of or None)
                if bars.disable:
                    console.print(f"→ {step}", markup=False)
            bars.update(tasks[step], completed=done, total=of or None)

        yield report


def restore_installation(
    source: FolderOption = None,
    to: Annotated[
        str | None, typer.Option(help="时刻，如 2026-11-29T10:00:00+08:00。 A moment; else as far as the log goes.")
    ] = None,
    backup_id: BackupOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="覆盖现有的，并保留旧数据。 Over what is there.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """由备份恢复；完成之前不动现有数据。 Restore from a backup; what is there stays until the new one is whole.

    默认恢复到日志末尾；--to 恢复到某一时刻；--backup 恢复到该备份的时刻。
    The newest state by default; --to takes a moment, --backup the state of one backup.

    例 for example:  ./onemap restore --from /srv/onemap-backup --to 2026-11-29T10:00:00+08:00
    没有时区的时刻按北京时间。 A moment without a zone is taken as Beijing time.
    恢复后的瓦片缓存与浏览器缓存自动失效。 Tiles and answers that were cached before are not used any more.
    """
    moment = _moment(to) if to is not None else None
    settings = with_folder(settings_of(home, config), source)
    folder = backup_folder(settings)
    with reporting() as report:
        done = restore(settings, folder, WantedBackup(backup_id, moment), replace=replace, report=report)
    record_restored(settings, done.manifest.id, moment)
    until = moment.isoformat() if moment else "备份时 as it was then" if backup_id else "最新状态 the newest state"
    place = settings.home if settings.database.url is None else "数据库 the database"
    _out.print(f"✓ 已恢复 restored {done.manifest.id}, {until} → {place}; {done.files} 个文件 files", markup=False)
    if done.former is not None:
        _out.print(f"  原数据保留在 what was there before: {done.former}", markup=False)
    if done.config is not None:
        _out.print(f"  备份中的配置与现有不同 the backup's configuration differs: {done.config}", markup=False)
        _out.print(f"  采用它 to take it:  cp -r {done.config}/config/. config/", markup=False)
    _out.print(
        f"  启动 start:  ./onemap up --home {settings.home}    再备份 then back up:  ./onemap backup", markup=False
    )


def record_restored(settings: Settings, backup_id: str, moment: datetime | None = None) -> None:
    """Record a restore in the audit that was restored: it is done, so a fault is told and undoes nothing."""
    try:
        with open_database_as_it_is(settings) as url:
            at = {"moment": moment.isoformat()} if moment else {}
            asyncio.run(record_recovery(url, "restore", backup=backup_id, **at))
    except OneMapError as error:
        _out.print(f"! 审计未记录此次恢复 the audit has no record of this restore: {error.message}", markup=False)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"'{text[:40]}' 不是时刻 is no moment; give one like 2026-11-29T10:00:00+08:00", parameter="to"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)
