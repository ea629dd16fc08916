"""Files of feeds for a person's commands: found by name, and switched on and off."""

from __future__ import annotations

import re
from pathlib import Path

from layers.errors import BadInput, NotFound
from twin.connectors.protocols import read_feed, read_registry
from twin.feeds.definition import FeedDefinition

_ENABLED = re.compile(r"^enabled[ \t]*:[ \t]*\S+(?=[ \t]*(#|$))", re.MULTILINE)
_PROTOCOL = re.compile(r"^protocol[ \t]*:.*$", re.MULTILINE)


def feed_of(folder: Path, name: str) -> FeedDefinition:
    """Return the feed of a name.

    Raises
    ------
    NotFound
        When there is none; the message names those there are.
    BadInput
        When its file has a fault.
    """
    registry = read_registry(folder)
    if f"{name}.yaml" in registry.faults:
        raise BadInput(registry.faults[f"{name}.yaml"], parameter="name")
    if name not in registry.by_name:
        known = ", ".join(sorted(registry.by_name)) or "none"
        raise NotFound(f"there is no feed '{name[:80]}' in {folder}; there are: {known}", parameter="name")
    return registry.by_name[name]


def switch(folder: Path, name: str, *, enabled: bool) -> bool:
    """Switch a feed on or off in its file, and change nothing else in it; running processes notice.

    Returns
    -------
    bool
        Whether anything changed.

    Raises
    ------
    NotFound, BadInput
        As `feed_of`.
    """
    if feed_of(folder, name).enabled is enabled:
        return False
    path = folder / f"{name}.yaml"
    text, value = path.read_text(encoding="utf-8"), "true" if enabled else "false"
    if _ENABLED.search(text):
        written = _ENABLED.sub(f"enabled: {value}", text, count=1)
    else:
        written = _PROTOCOL.sub(lambda found: f"{found.group()}\nenabled: {value}", text, count=1)
    beside = folder / f".{name}.yaml.new" / f"{name}.yaml"  # under the feed's name, which is checked
    beside.parent.mkdir(exist_ok=True)
    try:
        beside.write_text(written, encoding="utf-8")
        if read_feed(beside).enabled is not enabled:
            raise BadInput(
                f"{path.name} is written in a way that cannot be switched here; set 'enabled: {value}' in it"
            )
        beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
        beside.parent.rmdir()
    return True
