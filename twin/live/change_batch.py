"""Changes that leave together: encoded once, and written once in the form of each transport."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twin.log.change import Change

MERGED = frozenset({"position", "observation"})  # kinds of which only the newest change is sent


class ChangeBatch:
    """Changes up to a number, for all subscribers of one channel.

    Attributes
    ----------
    seq
        Number of the last change that was considered; a subscriber resumes after it.
    changes
        The changes as JSON objects.
    rights
        The mark of the rights under which they are shown (`twin.live.rights_mark`); empty when it is not told.
    body
        The same as a JSON array.
    """

    def __init__(self, seq: int, changes: Sequence[bytes], rights: str = "") -> None:
        self.seq = seq
        self.rights = rights
        self.size = len(changes)
        self.changes = changes
        self.body = b"[" + b",".join(changes) + b"]"
        self._forms: dict[Callable[..., Any], Any] = {}

    def as_form[Form](self, write: Callable[[ChangeBatch], Form]) -> Form:
        """Return what a transport's function writes of the batch; it is called once for all subscribers."""
        form: Form | None = self._forms.get(write)
        if form is None:
            form = self._forms[write] = write(self)
        return form


class PendingChanges:
    """Changes since the last batch: the newest of each thing, and every change that must not be merged."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._newest: dict[tuple[str, str], dict[str, bytes]] = {}  # by feature and property, in order of last change

    def __len__(self) -> int:
        return len(self._kept) + len(self._newest)

    def add(self, change: Change, encoded: bytes) -> None:
        """Add a change; a position or observation replaces the one before it of the same thing."""
        if change["kind"] not in MERGED:
            if change.get("operation") == "delete":  # what waits of it would come after, and bring it back
                self._newest.pop((change["layer"], change["id"]), None)
            self._kept.append(encoded)
            return
        key = change["layer"], change["id"]
        own = self._newest.pop(key, {})
        name = str(change.get("property", ""))
        own.pop(name, None)
        own[name] = encoded
        self._newest[key] = own

    def batch(self, seq: int, rights: str = "") -> ChangeBatch:
        """Return the changes as a batch up to a number, shown under some rights, and begin anew."""
        newest = [encoded for own in self._newest.values() for encoded in own.values()]
        batch = ChangeBatch(seq, [*self._kept, *newest], rights)
        self._kept, self._newest = [], {}
        return batch
