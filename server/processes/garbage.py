"""Rare garbage collection of reference cycles: messages and features are many and make none.

Reference counting frees most objects at once. The search for cycles visits all young objects every 700 allocations,
which was a sixth of the processor time of taking messages, and now and then all old ones: code, catalogue and areas,
which live as long as the process.
"""

from __future__ import annotations

import gc

_YOUNG = 50_000  # objects; a search among so many takes some milliseconds
_TIMES = (20, 50)


def search_seldom() -> None:
    """Exclude the present objects from collection and collect less often; call it when a process has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *_TIMES)
