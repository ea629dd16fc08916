"""``onemap restore``: makes an installation from a backup, as of its newest state or of a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from layers.errors import BadInput
from server.commands.backup import BackupOption, FolderOption, reporting, with_folder
from server.commands.options import ConfigOption, HomeOption, settings_of
from server.recovery.backup import backup_folder
from server.recovery.restore import WantedBackup, restore
from twin.rules.calendar import LOCAL

_out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="restore")(restore_command)


def restore_command(
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


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"'{text[:40]}' 不是时刻 is no moment; give one like 2026-11-29T10:00:00+08:00", parameter="to"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)
