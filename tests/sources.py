"""The project's own Python files, for the tests that read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from server.installation import PROJECT

PACKAGES = ("layers", "tiles", "twin", "server")
_FOREIGN = {"node_modules", "packages", "__pycache__"}  # which hold more files than everything else


def python_files(*folders: str) -> Iterator[Path]:
    """Yield the Python files below some folders of the project, in order; without any, of its packages."""
    for folder in folders or PACKAGES:
        for path, below, names in (PROJECT / folder).walk():
            below[:] = sorted(set(below) - _FOREIGN)
            yield from (path / name for name in sorted(names) if name.endswith(".py"))
