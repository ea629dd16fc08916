"""Base maps in the home folder: PMTiles archives, opened again when their files change."""

from __future__ import annotations

import re
from pathlib import Path

import structlog

from layers.errors import BadInput, NotFound
from tiles.archive import Archive

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_log = structlog.get_logger(__name__)

type _Stamp = tuple[int, int]  # time of change in ns, size in bytes


class Basemaps:
    """The archives of a folder by name.

    Parameters
    ----------
    folder
        The folder of files ``{name}.pmtiles``; without it there are no base maps.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[_Stamp, Archive | None]] = {}  # None for a file that cannot be read

    def names(self) -> list[str]:
        """Return the names of the base maps, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.pmtiles") if _NAME.fullmatch(path.stem))

    def get(self, name: str) -> Archive:
        """Return an archive, opened again if its file was replaced; a broken file is not tried again before that.

        Raises
        ------
        NotFound
            When there is none of this name, or its file cannot be read; the log gives the reason.
        """
        path = self._folder / f"{name}.pmtiles"
        try:
            if not _NAME.fullmatch(name):
                raise FileNotFoundError(name)
            status = path.stat()
        except OSError as error:
            known = ", ".join(self.names()) or "none"
            raise NotFound(f"there is no base map '{name[:80]}'; there are: {known}", parameter="name") from error
        stamp = status.st_mtime_ns, status.st_size
        entry = self._known.get(name)
        archive = entry[1] if entry is not None and entry[0] == stamp else self._open(name, path, stamp)
        if archive is None:
            raise NotFound(f"the base map '{name}' cannot be read; the log says why", parameter="name")
        return archive

    def _open(self, name: str, path: Path, stamp: _Stamp) -> Archive | None:
        archive = None
        try:
            archive = Archive(path)
        except BadInput as error:
            _log.error("a base map cannot be read", file=path.name, error=error.message)
            if isinstance(error.__cause__, OSError):
                return None  # file rights, or too many open files: the next request may succeed
        self._known[name] = stamp, archive
        return archive
