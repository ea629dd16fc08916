"""All outlets of a folder, read again when a file changes; a broken file leaves the old outlet working."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from layers.errors import BadInput
from twin.outlets.definition import Outlet, read_outlet

type _Stamp = tuple[int, int]  # time of change in ns, size in bytes


@dataclass(frozen=True, slots=True)
class Outlets:
    """The outlets of a folder at a moment.

    Attributes
    ----------
    outlets
        By name; where a file has a fault, the outlet as it was before.
    faults
        By file name: what is wrong with it.
    """

    outlets: dict[str, Outlet] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    _files: dict[str, tuple[_Stamp, Outlet | None, str | None]] = field(default_factory=dict, repr=False)

    def renewed(self, folder: Path) -> Outlets:
        """Read the `*.yaml` files that changed; itself when none did, so that `is` tells.

        The folder may be missing. Files whose names start with ``_`` or ``.`` are left out.
        """
        stamps = {path: stamp for path in sorted(folder.glob("[!_.]*.yaml")) if (stamp := _stamp(path)) is not None}
        if {path.name: stamp for path, stamp in stamps.items()} == {n: file[0] for n, file in self._files.items()}:
            return self
        files = {path.name: self._file(path, stamp) for path, stamp in stamps.items()}
        return Outlets(
            {outlet.name: outlet for _, outlet, _ in files.values() if outlet is not None},
            {name: fault for name, (_, _, fault) in files.items() if fault is not None},
            files,
        )

    def _file(self, path: Path, stamp: _Stamp) -> tuple[_Stamp, Outlet | None, str | None]:
        old = self._files.get(path.name)
        if old is not None and old[0] == stamp:
            return old
        try:
            return stamp, read_outlet(path), None
        except BadInput as error:
            return stamp, old[1] if old is not None else None, error.message


def _stamp(path: Path) -> _Stamp | None:
    try:
        stat = path.stat()
    except FileNotFoundError:  # it went while we looked
        return None
    return stat.st_mtime_ns, stat.st_size
