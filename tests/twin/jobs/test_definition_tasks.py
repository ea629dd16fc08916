"""Tasks that follow definitions."""

from __future__ import annotations

import asyncio

import pytest

from twin.jobs.definition_tasks import DefinitionTasks

pytestmark = pytest.mark.anyio


class Work:
    """Records the definitions whose tasks began and are running."""

    def __init__(self) -> None:
        self.running, self.begun = set(), []

    async def run(self, definition):
        self.begun.append(definition)
        self.running.add(definition)
        try:
            await asyncio.Event().wait()
        finally:
            self.running.discard(definition)


async def test_tasks_begin_stay_change_and_end_with_their_definitions():
    work = Work()
    tasks = DefinitionTasks("test", work.run)
    assert await tasks.follow({"a": "a1", "b": "b1"}) == []
    await asyncio.sleep(0)
    assert await tasks.follow({"a": "a1", "b": "b2", "c": "c1"}) == [], "a changed one is not gone"
    await asyncio.sleep(0)
    assert work.running == {"a1", "b2", "c1"}
    assert await tasks.follow({"c": "c1"}) == ["a", "b"]
    assert work.running == {"c1"}
    assert work.begun == ["a1", "b1", "b2", "c1"], "what stays the same is not started again"
    await tasks.stop()
    assert not work.running
