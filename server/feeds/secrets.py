"""Secrets written for a person's commands: a new one, one of another system, and one in the place of another."""

from __future__ import annotations

import os
import re
import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from layers.errors import BadInput, Conflict
from server.own_file import write_own
from twin.feeds.secret import ENVIRONMENT_PREFIX, FOLDER, OLD_SUFFIX, read_secret, write_old
from twin.outlets.standard import PREFIX

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def make_secret(*, for_webhooks: bool = False) -> str:
    """Return a new secret of 256 random bits; for webhooks in the form of Standard Webhooks, ``whsec_…``."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode() if for_webhooks else secrets.token_urlsafe(32)


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
        what = "--replace makes a new one, and the old one counts no more; rotate-secret keeps both for a while"
        raise Conflict(f"there is a secret '{name}' already; {what}")
    write_own(path, (content.strip() if content is not None else make_secret()).encode() + b"\n")
    return path


def rotate_secret(home: Path, name: str, keep: timedelta, content: str | None = None) -> datetime:
    """Put a new secret in the place of another, which counts for a while longer, and return until when.

    Parameters
    ----------
    keep
        How long the old one counts; zero ends it at once. One that was rotated out before ends now in every case.

    Raises
    ------
    Unavailable, Conflict
        When there is no secret to replace, or others may read it.
    BadInput
        When the secret stands in the environment, where this account cannot replace it.
    """
    variable = ENVIRONMENT_PREFIX + name.upper()
    if os.environ.get(variable):
        raise BadInput(
            f"the secret '{name}' stands in {variable}; set it there, and the old one in ONEMAP_OLD_SECRET_…"
        )
    old, until = read_secret(name, home, {}), datetime.now(UTC) + keep
    path = home / FOLDER / name
    write_own(path.with_name(name + OLD_SUFFIX), write_old(until, old))  # first: cut off in between, both files have it
    write_secret(home, name, content or make_secret(for_webhooks=old.startswith(PREFIX.encode())), replace=True)
    if keep <= timedelta(0):
        path.with_name(name + OLD_SUFFIX).unlink(missing_ok=True)
    return until
