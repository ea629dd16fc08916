"""Where the program and its files are: in a clone of the project, or installed from a wheel.

A clone keeps everything in one folder. A wheel puts the program among Python's packages, where no user's file belongs;
its project folder is ``ONEMAP_PROJECT``, or ``onemap`` in a user's data folder (XDG Base Directory Specification), and
gets a copy of the configuration that comes with the program.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any, TextIO

CODE = Path(__file__).resolve().parent.parent  # the folder that holds the four packages
SHIPPED = CODE / "server" / "shipped"  # made by the wheel alone: what a clone has in its own folder
INSTALLED = SHIPPED.is_dir()
PROJECT_VARIABLE = "ONEMAP_PROJECT"


def project_folder(installed: bool = INSTALLED) -> Path:
    """Return the folder that paths of the settings start from: the clone's own, or the one of an installation."""
    if not installed:
        return CODE
    named = os.environ.get(PROJECT_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    files = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(files) / "onemap"


PROJECT = project_folder()
COMMAND = "onemap" if INSTALLED else "./onemap"  # as its user types it
REQUIREMENTS = (SHIPPED if INSTALLED else CODE) / "requirements.txt"


class AsTyped:
    """A stream that writes the command as the user of a wheel types it: ``onemap``, where a clone has ``./onemap``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; the number of characters is that of the text as given."""
        self._stream.write(text.replace("./onemap", COMMAND))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def place_configuration(shipped: Path = SHIPPED, project: Path = PROJECT) -> bool:
    """Copy the configuration of a wheel to the project folder, where it is missing; True when it was copied.

    The copy appears at once, so that a second process never reads half of it. What is there already is left alone: it
    is the district's own.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    target = project / "config"
    if not shipped.is_dir() or target.exists():
        return False
    project.mkdir(parents=True, exist_ok=True)
    aside = project / f".config-{os.getpid()}"
    shutil.copytree(shipped / "config", aside)
    try:
        aside.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(aside)
        if not target.exists():
            raise
        return False
    return True


def release() -> str:
    """Return the version: of the wheel's metadata, or of the clone's `pyproject.toml`."""
    if INSTALLED:
        from importlib.metadata import version  # noqa: PLC0415  # a clone needs none of it

        return version("onemap")
    with (CODE / "pyproject.toml").open("rb") as file:
        number: str = tomllib.load(file)["project"]["version"]
    return number
