"""Kinds of values of settings: lists, hosts, files of the project, networks."""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from server.installation import PROJECT


def listed(value: object) -> object:
    """Split a value of an environment variable at its commas; other values stay as they are."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def hosts(text: str) -> tuple[str, ...]:
    """Return the hosts of a text with commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",")))


def in_project(path: Path) -> Path:
    """Return a path, seen from the project folder."""
    return Path(os.path.normpath(PROJECT / path.expanduser()))


def networks(value: object) -> object:
    """Read networks here, because the message of the models does not say that a network has bits of a host."""
    given = listed(value)
    return [ip_network(one) for one in given] if isinstance(given, (list, tuple)) else given


Hosts = Annotated[str, Field(pattern=r"^[^\s,]+(\s*,\s*[^\s,]+)*$", max_length=1000)]
FileInProject = Annotated[Path, AfterValidator(in_project)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[a-z0-9.\-_\[\]:]+)$")]
