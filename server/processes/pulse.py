"""Signs of life between a process and its supervisor, by a pipe: one that still runs but does nothing is ended.

The process writes from its event loop, so a loop that is stuck says nothing, as a process that is stopped.
"""

from __future__ import annotations

import asyncio
import os
from typing import Self

BEAT_SECONDS = 1.0


async def beat(descriptor: int) -> None:
    """Show signs of life until cancelled, or until nobody looks."""
    os.set_blocking(descriptor, False)  # a C function
    while True:
        try:
            os.write(descriptor, b".")
        except BlockingIOError:
            pass  # whoever should read is stopped itself
        except BrokenPipeError:
            return
        await asyncio.sleep(BEAT_SECONDS)


class Pulse:
    """The supervisor's end: to be used as a context, which closes it.

    Attributes
    ----------
    far_end
        The descriptor that the process gets; closed here as soon as the process has it.
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
        """Close the far end here: the process has it."""
        if self.far_end >= 0:
            os.close(self.far_end)
            self.far_end = -1

    async def fails(self, patience_s: float) -> None:
        """Return when there was no sign of life for so long, after the first one.

        Looks are counted and not the time between them: who was stopped itself has seen nothing meanwhile, and finds
        what was written before it counts on.
        """
        looks_max = max(2, round(patience_s / BEAT_SECONDS))
        missed, begun = 0, False
        while missed < looks_max:
            await asyncio.sleep(BEAT_SECONDS)
            if self._heard():
                missed, begun = 0, True
            elif begun:
                missed += 1

    def _heard(self) -> bool:
        try:
            return bool(os.read(self._near_end, 4096))
        except BlockingIOError:
            return False
