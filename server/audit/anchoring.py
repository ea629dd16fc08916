"""The anchors of a home folder: where they are, and how one is made."""

from __future__ import annotations

from pathlib import Path

from layers.audit.anchor import Anchor, append_anchor
from layers.audit.note import note
from layers.audit.record import AuditAction, AuditSubject
from layers.audit.store import read_heads
from layers.database.connection import Role, connected
from server.audit.keys import FOLDER, audit_key


def anchors_file(home: Path) -> Path:
    """Return the file of the anchors of a home folder."""
    return home / FOLDER / "anchors.ndjson"


async def make_anchor(url: str, home: Path, subject: AuditSubject | None = None) -> Anchor:
    """Write the ends of all chains behind the anchors of a home, and record them, so that log servers receive them too.

    Parameters
    ----------
    subject
        Who makes it; None is the person at the command line.

    Raises
    ------
    Unavailable
        When the database cannot be read or does not record it.
    BadFile
        When the file cannot be written.
    """
    key = audit_key(home, "anchors")
    async with connected(url, Role.AUDITOR) as connection:
        heads = await read_heads(connection)
    anchor = append_anchor(anchors_file(home), heads, key)
    points: dict[str, str | int] = {}
    for chain, point in anchor.chains.items():
        points |= {f"{chain}_seq": point.seq, f"{chain}_hash": point.hash}
    await note(url, AuditAction.ANCHOR, "audit", subject=subject, detail=points)
    return anchor
