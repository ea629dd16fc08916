"""The backup process: ``python -m server.processes.backups``, with the settings as a line of JSON on standard input.

PostgreSQL archives its log by itself. This process adds what it does not: the files beside the database, every few
minutes, and a new backup when the last one is old. It ends when its standard input closes: its parent is gone then.

Its work blocks, so it has no event loop: a signal ends what it waits for, and the programs that it started.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog

from layers.cluster.home import OURS
from layers.database.faults import DATABASE_ERRORS
from layers.errors import OneMapError
from server.processes.logs import configure_logs
from server.processes.pulse import beat
from server.recovery.backup import backup_folder, make_backup, private_place, take_files
from server.settings import Settings

_log = structlog.get_logger(__name__)


def is_due(settings: Settings, now: datetime) -> bool:
    """Whether a new backup has to be made: there is none, the last is old, or the log goes elsewhere."""
    if settings.backup.every_h == 0:
        return False
    folder, url = backup_folder(settings), str(settings.database.url)
    place = private_place(settings, url)
    if place is not None and (place.archive is None or place.archive.folder != folder.wal):
        return True
    ids = folder.ids() if folder.path.exists() and any(folder.path.iterdir()) else []
    return not ids or folder.read(ids[-1]).ended_at + timedelta(hours=settings.backup.every_h) <= now


def turn(settings: Settings) -> None:
    """Make a backup when one is due, else store the files beside the database."""
    if is_due(settings, datetime.now(UTC)):
        manifest = make_backup(settings, str(settings.database.url), "定时 scheduled")
        _log.info("a backup was made", backup=manifest.id)
        return
    folder = backup_folder(settings)
    with folder.writing():
        take_files(settings, folder)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the form of a handler
    raise SystemExit(0)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run until the parent is gone or a signal arrives."""
    os.umask(OURS)
    configure_logs()
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if len(sys.argv) > 1:
        threading.Thread(target=lambda: asyncio.run(beat(int(sys.argv[1]))), daemon=True).start()
    while True:
        try:
            turn(settings)
        except (OneMapError, *DATABASE_ERRORS) as error:
            _log.error("备份失败，稍后再试 the backup failed; it is tried again", error=str(error))
        time.sleep(settings.backup.archive_timeout_s)


if __name__ == "__main__":
    main()
