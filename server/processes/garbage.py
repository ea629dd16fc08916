"""How often a process looks for garbage in circles: seldom, because messages and features are many and make none.

What Python frees by counting references is free at once. The search for circles walks over everything young each 700
objects, which was a sixth of the processor time of taking messages, and over all that is old now and then: code,
catalogue and areas, which stay for as long as the process does.
"""

from __future__ import annotations

import gc

_YOUNG = 50_000  # objects; a search among so many takes some milliseconds
_TIMES = (20, 50)


def search_seldom() -> None:
    """Take what is there now out of every search, and search less often; to be called when a process has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *_TIMES)
