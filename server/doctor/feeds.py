"""Checks of feeds that are open to unknown senders."""

from __future__ import annotations

from collections.abc import Iterator

from server.doctor.machine import Finding, FindingState, well
from server.settings import ServerSettings, Settings
from server.wire.listen import is_reached_from_here_alone
from twin.connectors.protocols import read_registry
from twin.feeds.definition import FeedDefinition
from twin.feeds.exposure import is_local, remarks, takes_unsigned

_REMEDY = "name a secret in its file and make it: ./onemap feed secret NAME; or ./onemap feed disable NAME"


def examine_feeds(settings: Settings) -> Iterator[Finding]:
    """Check the enabled feeds."""
    enabled = [one for one in read_registry(settings.feeds.folder).by_name.values() if one.enabled]
    found = [finding for one in enabled for finding in _examine(one, settings.server)]
    yield from found or [well("数据源 feeds", f"{len(enabled)} are on, and each knows its senders")]


def _examine(definition: FeedDefinition, server: ServerSettings) -> Iterator[Finding]:
    host = definition.own_host or server.host
    is_here = is_local(host) if definition.own_host else is_reached_from_here_alone(server)
    for remark in remarks(definition):
        state = FindingState.WRONG if takes_unsigned(definition) and not is_here else FindingState.WARNING
        detail = (
            f"{remark}; nothing is taken, because the network reaches {host}" if state is FindingState.WRONG else remark
        )
        yield Finding(state, f"数据源 feed {definition.name}", detail, _REMEDY)
