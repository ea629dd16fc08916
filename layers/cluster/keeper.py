"""A server that ends while it is needed is started again: killed, out of memory, out of disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from layers.errors import OneMapError

_PAUSE_SECONDS_MIN = 0.2
_PAUSE_SECONDS_MAX = 10.0


async def keep_running(
    find: Callable[[], int | None], start: Callable[[], object], said: Callable[[str], None]
) -> None:
    """Watch a server and start it again whenever it has ended, until cancelled.

    Parameters
    ----------
    find
        Returns the server's process id, or None when there is none.
    start
        Starts it; is called in a thread, and may take as long as the log is that must be replayed.
    said
        Is told what a person should know.
    """
    pause_s = _PAUSE_SECONDS_MIN
    while True:
        process = find()
        if process is not None:
            await _ended(process)
            if find() is not None:  # somebody else was quicker
                continue
        try:
            said("数据库意外结束，重新启动 the database ended; starting it again")
            await asyncio.to_thread(start)
            pause_s = _PAUSE_SECONDS_MIN
        except (OneMapError, OSError) as error:  # a full disk, say: it may have room later
            said(f"数据库尚不能启动 the database does not start yet: {error}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_SECONDS_MAX)


async def _ended(process: int) -> None:
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
