"""Weak points of a feed: no signature, or a password in clear."""

from __future__ import annotations

from ipaddress import ip_address

from twin.feeds.definition import FeedDefinition

UNSIGNED = "no secret: whoever reaches the address may write as this feed"
IN_CLEAR = "mqtt:// sends the password in clear; use mqtts:// beyond this machine"


def is_local(host: str | None) -> bool:
    """Return whether an address is reached from this machine only."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def takes_unsigned(definition: FeedDefinition) -> bool:
    """Return whether the feed takes messages of unknown senders."""
    return definition.secret is None and (definition.is_pushed or definition.own_host is not None)


def remarks(definition: FeedDefinition) -> list[str]:
    """Return the weak points, a sentence each; empty for a safe feed."""
    found = [UNSIGNED] if takes_unsigned(definition) else []
    return [*found, IN_CLEAR] if definition.sends_password_in_clear else found
