"""One task for each definition of a folder, kept in step as definitions come, go and change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twin.cancellation import cancel_tasks


class DefinitionTasks[T]:
    """Starts, stops and restarts the tasks of definitions.

    Parameters
    ----------
    kind
        What a definition is, for the names of tasks: ``connector``.
    run
        Works for one definition until it is cancelled; it handles its own faults.
    """

    def __init__(self, kind: str, run: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        self._kind, self._run = kind, run
        self._tasks: dict[str, tuple[T, asyncio.Task[None]]] = {}

    async def follow(self, wanted: Mapping[str, T]) -> list[str]:
        """Run exactly the wanted definitions, by name; a changed one is stopped and started again.

        Returns
        -------
        list of str
            Names of tasks that were stopped for good.
        """
        outdated = [name for name, (definition, _) in self._tasks.items() if wanted.get(name) != definition]
        for name in outdated:
            await self._stop(name)
        for name, definition in wanted.items():
            if name not in self._tasks:
                task = asyncio.create_task(self._run(definition), name=f"{self._kind} {name}")
                self._tasks[name] = definition, task
        return [name for name in outdated if name not in wanted]

    async def stop(self) -> None:
        """Stop all tasks, side by side."""
        await asyncio.gather(*(self._stop(name) for name in list(self._tasks)))

    async def _stop(self, name: str) -> None:
        _, task = self._tasks.pop(name)
        await cancel_tasks([task])
