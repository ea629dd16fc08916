"""Restarts of a server that ends while it is needed: killed, out of memory, out of disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from layers.errors import OneMapError

_PAUSE_SECONDS_MIN = 0.2
_PAUSE_SECONDS_MAX = 10.0


async def keep_running(
    find: Callable[[], int | None], start: Callable[[], object], notify: Callable[[str], None]
) -> None:
    """Watch a server and start it again whenever it ends, until cancelled.

    Parameters
    ----------
    find
        Returns the server's process id, or None when there is none.
    start
        Starts it; runs in a thread, and takes as long as the replay of the log.
    notify
        Receives messages for a person.
    """
    pause_s = _PAUSE_SECONDS_MIN
    while True:
        process = find()
        if process is not None:
            await _wait_for_end(process)
            if find() is not None:  # another process has started it
                continue
        try:
            notify("数据库意外结束，重新启动 the database ended; starting it again")
            await asyncio.to_thread(start)
            pause_s = _PAUSE_SECONDS_MIN
        except (OneMapError, OSError) as error:  # for example a full disk, which may have room later
            notify(f"数据库尚不能启动 the database does not start yet: {error}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_SECONDS_MAX)


async def _wait_for_end(process: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
