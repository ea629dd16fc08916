"""The district's own definitions of layers and code lists, read again when a file of theirs changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from layers.errors import BadInput
from layers.schema.tables import sync_definitions

_LOOK_SECONDS = 2.0
_log = structlog.get_logger(__name__)

type Stamps = dict[str, tuple[int, int]]  # by file: time of change in ns, size in bytes


class DefinitionsJob:
    """Keeps the catalogue in step with the files of a folder; while one has a fault, the layers stay as they are.

    Parameters
    ----------
    url
        The database.
    folder
        One file per layer, and code lists in `codes`; it may be missing, and may appear later.
    """

    name = "definitions"

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        seen: Stamps | None = None
        while True:
            found = _stamps(self._folder)
            if found != seen:
                seen = found
                await self._sync()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _sync(self) -> None:
        try:
            changed = await sync_definitions(self._url, self._folder)
        except BadInput as error:
            _log.error("a definition has a fault; layers stay as they are", fault=error.message)
            return
        if changed:
            _log.info("layers follow their definitions", layers=changed)


def _stamps(folder: Path) -> Stamps:
    stamps = {}
    for path in sorted((*folder.glob("[!_.]*.yaml"), *(folder / "codes").glob("[!_.]*.yaml"))):
        try:
            stat = path.stat()
        except FileNotFoundError:  # removed meanwhile
            continue
        stamps[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return stamps
