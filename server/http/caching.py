"""What caches may keep, and for how long.

What is public is what every stranger gets, and it never repeats the request's Host: an answer with links in it is
shared only where `server.public_url` says what they begin with. Anything else is one reader's, and asked for again.
"""

from __future__ import annotations

from enum import StrEnum

from layers.actor import ANONYMOUS, Actor
from layers.catalog import Layer
from server.settings import Settings

PRIVATE = "private, no-cache"


class Keep(StrEnum):
    """How long a public answer is good for."""

    LIVE = "no-cache"  # it changes by itself: keep it, and ask; a 304 costs no query
    STEADY = "max-age=60, stale-while-revalidate=60"  # it changes when somebody loads or sets something
    VERSIONED = "max-age=86400, immutable"  # its address changes with it


VARIES = "Authorization, Accept-Encoding"


def keep_of(layer: Layer) -> Keep:
    """Return how long what is said of a layer's features is good for."""
    definition = layer.definition
    return Keep.LIVE if definition.is_live or definition.ages or definition.time else Keep.STEADY


def cache_control(keep: Keep, actor: Actor, settings: Settings, *, linked: bool = True) -> str:
    """Return the Cache-Control of an answer.

    Parameters
    ----------
    linked
        Whether the answer holds links, or anything else of the address it was asked at.
    """
    is_public = actor == ANONYMOUS and (not linked or settings.server.public_url is not None)
    return f"public, {keep}" if is_public else PRIVATE
