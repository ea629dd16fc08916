"""Signs of life from a process to its supervisor through a pipe: a process that runs but does nothing is ended.

The process writes from its event loop, so a stuck loop is as silent as a stopped process.
"""

from __future__ import annotations

import asyncio
import os
from typing import Self

BEAT_SECONDS = 1.0


async def beat(descriptor: int) -> None:
    """Write signs of life until cancelled, or until the reader is gone."""
    os.set_blocking(descriptor, False)  # a C function
    while True:
        try:
            os.write(descriptor, b".")
        except BlockingIOError:
            pass  # the reader itself is stopped
        except BrokenPipeError:
            return
        await asyncio.sleep(BEAT_SECONDS)


class Pulse:
    """The supervisor's end of the pipe; a context manager that closes it.

    Attributes
    ----------
    far_end
        The descriptor for the process; closed here as soon as the process has it.
    """

    def __init__(self) -> None:
        self._near_end, self.far_end = os.pipe()
        os.set_blocking(self._near_end, False)  # a C function

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hand_over()
        os.close(self._near_end)

    def hand_over(self) -> None:
        """Close the far end here, once the process has it."""
        if self.far_end >= 0:
            os.close(self.far_end)
            self.far_end = -1

    async def fails(self, patience_s: float) -> None:
        """Return when there was no sign of life for so long after the first one.

        Reads are counted, not seconds: a supervisor that was stopped itself has missed nothing and finds what was
        written before it counts on.
        """
        looks_max = max(2, round(patience_s / BEAT_SECONDS))
        missed, begun = 0, False
        while missed < looks_max:
            await asyncio.sleep(BEAT_SECONDS)
            if self._read():
                missed, begun = 0, True
            elif begun:
                missed += 1

    def _read(self) -> bool:
        try:
            return bool(os.read(self._near_end, 4096))
        except BlockingIOError:
            return False
