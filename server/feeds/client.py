"""Feed clients: a token that may write one feed's messages and nothing else."""

from __future__ import annotations

from layers.errors import Forbidden
from server.identity.subject import Subject

ROLE = "feed_client"
ATTRIBUTE = "feed"
"""Of a feed client: the name of its feed, or several with commas between them."""


def may_write_as(subject: Subject, feed: str) -> bool:
    """Return whether a subject has proven that it may write as a feed; otherwise its signature must prove it.

    Raises
    ------
    Forbidden
        When it is the client of other feeds: a token for one must be of no use for another, signed or not.
    """
    if ROLE not in subject.roles:
        return False
    own = {one for name, value in subject.attributes if name == ATTRIBUTE for one in value.split(",") if one}
    if feed not in own:
        raise Forbidden(f"this token writes {', '.join(sorted(own)) or 'no feed'}, not '{feed[:80]}'", parameter="name")
    return True
