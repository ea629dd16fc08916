"""The Cache-Control of answers.

A public answer is the same for every anonymous reader and never repeats the request's Host: an answer with links is
public only where `server.public_url` says how they begin. Any other answer is private and revalidated each time.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from layers.actor import Actor
from layers.catalog import Layer
from server.settings import Settings

PRIVATE = "private, no-cache"


class Keep(StrEnum):
    """How long a public answer is valid."""

    LIVE = "no-cache"  # changes by itself: caches keep and revalidate it; a 304 costs no query
    STEADY = "max-age=60, stale-while-revalidate=60"  # changes with a load or a command
    VERSIONED = "max-age=86400, immutable"  # its address changes with its content


VARIES = "Authorization, Accept-Encoding"
PRIVATE_HEADERS = MappingProxyType({"Cache-Control": PRIVATE, "Vary": VARIES})
"""Of an answer that depends on who asks, and may be compressed."""
UNSTORED_HEADERS = MappingProxyType({"Cache-Control": "private, no-store", "Vary": VARIES})
"""The same of an answer that nobody keeps: where somebody was."""


def keep_of(layer: Layer) -> Keep:
    """Return how long an answer about the features of a layer is valid."""
    definition = layer.definition
    return Keep.LIVE if definition.is_live or definition.ages or definition.time else Keep.STEADY


def cache_control(keep: Keep, actor: Actor, settings: Settings, *, linked: bool = True) -> str:
    """Return the Cache-Control of an answer.

    Parameters
    ----------
    linked
        Whether the answer holds links, or anything else of the requested address.
    """
    is_public = actor.is_anonymous and (not linked or settings.server.public_url is not None)
    return f"public, {keep}" if is_public else PRIVATE
