"""A folder of definitions, one file each, read again when a file changes: a broken file leaves the old one in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, Self

from pydantic import TypeAdapter, ValidationError

from layers.errors import BadInput
from layers.file_stamps import Stamp, file_stamps
from layers.yaml_file import explain, read_yaml


class Named(Protocol):
    """A definition that a file holds."""

    @property
    def name(self) -> str:
        """The name of its file, without the ending."""


@dataclass(frozen=True, slots=True)
class FileState[T]:
    """A file as it was last read.

    Attributes
    ----------
    definition
        The last good one; None when there was none.
    """

    stamp: Stamp
    definition: T | None
    fault: str | None


@dataclass(frozen=True)
class Folder[T: Named]:
    """The definitions of a folder at a moment.

    Parameters
    ----------
    path
        A missing folder has no definitions. Only `*.yaml` counts; names that start with ``_`` or ``.`` are left out.
    read
        Reads one file; raises BadInput when the file has a fault.

    Attributes
    ----------
    by_name
        Definitions in force; where a file has a fault, the definition before it.
    faults
        Faults by file name.
    """

    path: Path
    read: Callable[[Path], T]
    by_name: Mapping[str, T] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    _files: Mapping[str, FileState[T]] = field(default_factory=dict, repr=False)

    def renewed(self) -> Self:
        """Read the files whose time or size has changed; return itself when none has, so that `is` shows it."""
        stamps = file_stamps(self.path)
        if stamps == {name: file.stamp for name, file in self._files.items()}:
            return self
        files = {name: self._file(name, stamp) for name, stamp in stamps.items()}
        by_name = {file.definition.name: file.definition for file in files.values() if file.definition is not None}
        faults = {name: file.fault for name, file in files.items() if file.fault is not None}
        return replace(self, by_name=by_name, faults=self.together(by_name) | faults, _files=files)

    def together(self, _: Mapping[str, T]) -> dict[str, str]:
        """Return the faults between definitions that are right by themselves, by file name."""
        return {}

    def _file(self, name: str, stamp: Stamp) -> FileState[T]:
        old = self._files.get(name)
        if old is not None and old.stamp == stamp:
            return old
        try:
            return FileState(stamp, self.read(self.path / name), None)
        except BadInput as error:
            return FileState(stamp, old.definition if old is not None else None, error.message)


def read_definition[T: Named](path: Path, adapter: TypeAdapter[T], what: str) -> T:
    """Read the file of a definition.

    Parameters
    ----------
    what
        The kind of definition with its article, for messages: ``a feed``.

    Raises
    ------
    BadInput
        When the file is too large, not YAML, or no such definition; the message names the file and the fault.
    """
    raw = read_yaml(path)
    try:
        definition = adapter.validate_python(raw)
    except ValidationError as error:
        raise BadInput(f"{path.name} is not {what}: {explain(error)}", parameter=path.name) from error
    if definition.name != path.stem:
        noun = what.rsplit(" ", maxsplit=1)[-1]
        raise BadInput(
            f"{path.name} defines '{definition.name}'; file and {noun} must be named alike", parameter=path.name
        )
    return definition
