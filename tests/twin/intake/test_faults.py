"""Everything breaks while messages come, in a real `onemap up`; `./onemap bench faults` plays twenty rounds of it.

The disk is filled there only: that takes a file system of its own.
"""

from __future__ import annotations

import os

import pytest

from benchmarks.faults.__main__ import play
from benchmarks.faults.service import running_service
from tests.folders import new_database_folder

pytestmark = pytest.mark.anyio
ROUNDS = int(os.environ.get("ONEMAP_TEST_FAULT_ROUNDS", "3"))


@pytest.mark.timeout(300 + 100 * ROUNDS)
async def test_whatever_is_killed_nothing_acknowledged_is_lost_or_counted_twice_and_everybody_hears_it_once():
    with running_service(new_database_folder("onemap-faults-")) as running:
        rounds = await play(running, ROUNDS, seed=440_106, disk=False)
    assert len(rounds) == ROUNDS
    for number, one in enumerate(rounds, 1):
        assert not one.problems, f"round {number}, {one.broken}: {one.problems}\n{running.output[-3000:]}"
        assert one.acknowledged > 0
