"""``onemap upgrade``: brings a database to the version of this program, with a backup before and a way back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from layers.cluster import supervisor_of
from layers.errors import Conflict
from server.command_options import ConfigOption, HomeOption, settings_of
from server.commands.backup import open_database_as_it_is, record_restored, reporting, with_folder
from server.doctor.database import examine_database
from server.doctor.machine import Finding, FindingState
from server.recovery.upgrade import UpgradePlan, go_back, plan
from server.recovery.upgrade import upgrade as upgrade_database
from server.settings import Settings

_out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(upgrade)


def upgrade(
    to: Annotated[Path | None, typer.Option(help="备份目录。 Folder of backups (default: backup.folder).")] = None,
    back: Annotated[bool, typer.Option("--back", help="回到升级前。 Restore the backup made before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不再询问。 Do not ask.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """升级数据库：先说明、备份，再迁移、核对；可退回。 Say what will be done, back up, migrate, check; --back returns.

    新版程序放好之后、启动之前运行。 Run it with the new program, before it is started.
    退出码 exit code: 0 完成 done, 1 核对有问题 a check failed.
    """
    settings = with_folder(settings_of(home, config), to)
    if supervisor_of(settings.home) is not None:
        raise Conflict(f"正在运行，先停止 it is running; stop it first: ./onemap stop --home {settings.home}")
    if back:
        _go_back(settings, ask=not yes)
        return
    with open_database_as_it_is(settings) as url:
        planned = plan(settings, url)
        _print_plan(planned)
        if not planned.steps:
            _out.print("✓ 已是最新，无事可做 up to date, nothing to do")
            return
        if not yes:
            typer.confirm("升级吗 upgrade?", abort=True)
        with reporting() as report:
            manifest, fewer = upgrade_database(settings, url, config=config, report=report)
        wrong = [one for one in asyncio.run(_examine(url)) if one.state is FindingState.WRONG]
    for line in fewer:
        _out.print(f"! {line}", markup=False)
    for finding in wrong:
        _out.print(f"✗ {finding.subject}: {finding.detail}", markup=False)
    _out.print(f"{'✗' if wrong else '✓'} 升级前的备份 the backup of before: {manifest.id}", markup=False)
    _out.print(f"  退回 to go back:  ./onemap upgrade --back --home {settings.home}", markup=False)
    raise typer.Exit(1 if wrong else 0)


def _print_plan(planned: UpgradePlan) -> None:
    _out.print(f"程序 program: {planned.build}", markup=False)
    _out.print(f"数据库 database: {planned.migration or '–'} → {planned.target}", markup=False)
    for step in planned.steps:
        _out.print(f"  {step}", markup=False)
    _out.print(
        f"空间 room: 数据库 database {planned.database_bytes / 1e9:.2f} GB, "
        f"备份目录空闲 free for the backup {planned.free_bytes / 1e9:.1f} GB"
    )


def _go_back(settings: Settings, *, ask: bool) -> None:
    if ask:
        typer.confirm("回到升级前，此后的数据将不在其中 go back? what was written since will not be there", abort=True)
    with reporting() as report:
        done = go_back(settings, report=report)
    record_restored(settings, done.manifest.id)
    _out.print(f"✓ 已回到 back at {done.manifest.id} ({done.manifest.migration}, {done.manifest.build})", markup=False)
    if done.former is not None:
        _out.print(f"  升级后的数据保留在 what was there is kept: {done.former}", markup=False)
    _out.print("  请用旧版程序启动 start it with the program of that version; this one would migrate it again")


async def _examine(url: str) -> list[Finding]:
    return [finding async for finding in examine_database(url)]
