"""What of a feed is open to strangers: no signature, or a password in clear."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from twin.feeds.definition import PUSHED, FeedDefinition

UNSIGNED = "no secret: whoever reaches the address may write as this feed"
IN_CLEAR = "mqtt:// sends the password in clear; use mqtts:// beyond this machine"


def is_local(host: str | None) -> bool:
    """Tell whether an address is reached from this machine only."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def takes_unsigned(definition: FeedDefinition) -> bool:
    """Tell whether the feed takes what others send without knowing who they are."""
    return definition.secret is None and (definition.protocol in PUSHED or definition.protocol == "jt808")


def remarks(definition: FeedDefinition) -> list[str]:
    """Say what is open; empty when nothing is."""
    found = [UNSIGNED] if takes_unsigned(definition) else []
    address = urlsplit(definition.connection.url or "")
    if address.scheme == "mqtt" and definition.secret is not None and not is_local(address.hostname):
        found.append(IN_CLEAR)
    return found
