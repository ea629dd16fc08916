"""Files of feeds for a person's commands: found by name, switched on and off, and their secrets written."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from layers.errors import BadInput, Conflict, NotFound
from twin.connectors.protocols import read_feed, read_registry
from twin.feeds.definition import FeedDefinition
from twin.feeds.secret import FOLDER

_ENABLED = re.compile(r"^enabled[ \t]*:[ \t]*\S+(?=[ \t]*(#|$))", re.MULTILINE)
_PROTOCOL = re.compile(r"^protocol[ \t]*:.*$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


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


def write_secret(home: Path, name: str, content: str | None = None, *, replace: bool = False) -> Path:
    """Write a secret into the home, where only its owner reads it.

    Parameters
    ----------
    content
        A secret of another system, such as a broker's password; None makes a new one.

    Raises
    ------
    Conflict
        When there is one and `replace` is not given: senders that sign with it would be refused.
    BadInput
        When the name is no name of a secret, or the content is empty.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"'{name[:80]}' is no name of a secret: a to z, 0 to 9 and _, a letter first", parameter="name")
    if content is not None and not content.strip():
        raise BadInput("there is nothing to keep; type the secret and end with Ctrl-D", parameter="value")
    path = home / FOLDER / name
    if path.exists() and not replace:
        raise Conflict(f"there is a secret '{name}' already; --replace makes a new one, and the old one counts no more")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_name(f".{name}-{secrets.token_hex(4)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write((content.strip() if content is not None else secrets.token_urlsafe(32)) + "\n")
    half.replace(path)
    return path
