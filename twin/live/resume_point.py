"""The point of the log after which a client resumes, as it is written into the ids of events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from layers.errors import BadInput

SEQ_MAX = 2**62
RIGHTS = r"[0-9a-f]{16}"
_WRITTEN = re.compile(rf"([0-9]{{1,19}})(?:-({RIGHTS}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A number of the log, and the rights under which a client has received everything up to it.

    Attributes
    ----------
    rights
        The text of a `RightsMark`; empty when the client does not tell.
    is_resumed
        Whether the client says that it was there already, with a picture of its own: it goes on only where the rights
        are known under which it has that.
    """

    seq: int
    rights: str = ""
    is_resumed: bool = False

    @classmethod
    def read(cls, text: str, parameter: str, *, is_resumed: bool = False) -> Self:
        """Return a point from its written form.

        Raises
        ------
        BadInput
            When the text is neither a number nor an event's id.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1]) > SEQ_MAX:
            message = f"{parameter} is '{text[:40]}', which is no number of this stream and no id of its events"
            raise BadInput(message, parameter=parameter)
        return cls(int(found[1]), found[2] or "", is_resumed)

    def __str__(self) -> str:
        return f"{self.seq}-{self.rights}" if self.rights else str(self.seq)
