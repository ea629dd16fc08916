"""The channels of a process: shared by equal interests, and matched with every change of the log."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from weakref import WeakValueDictionary

import structlog

from layers.actor import Actor
from layers.catalog import Catalog
from twin.live.budget import TimeSlices
from twin.live.channel import Channel, channel_key
from twin.live.interest import Interest
from twin.live.matching import Matching
from twin.live.rows import FeatureProperties, Needs
from twin.live.visibility import SeenChange, Visibility
from twin.log.change import Change, is_whole

type Wanted = tuple[Channel, Change, bytes]  # a channel, a change it wants, and the change as its members see it
_log = structlog.get_logger(__name__)


class Channels:
    """Finds the channels that want a change.

    Parameters
    ----------
    catalog
        Returns the current catalogue.
    """

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog
        self._by_key: dict[Hashable, Channel] = {}
        self._matching = Matching()
        self._visibilities: WeakValueDictionary[str, Visibility] = WeakValueDictionary()  # while it has channels
        self._needs: Needs | None = None

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def needs(self) -> Needs:
        """What the filters of all channels look at; another object once a channel has come or gone."""
        if self._needs is None:
            self._needs = Needs(self._by_key.values())
        return self._needs

    def enter(self, interest: Interest, actor: Actor) -> Channel:
        """Return the channel of an interest and an actor's rights, for one more watcher."""
        key = channel_key(interest, actor)
        channel = self._by_key.get(key)
        if channel is None:
            channel = self._by_key[key] = Channel(key, interest, self._visibility(actor))
            self._matching.add(channel)
            self._needs = None
        channel.watchers += 1
        return channel

    def _visibility(self, actor: Actor) -> Visibility:
        """Return the visibility of an actor's audience, shared by all channels of it."""
        known = self._visibilities.get(actor.audience)
        if known is None:
            known = self._visibilities[actor.audience] = Visibility(actor, self._catalog)
        return known

    def leave(self, channel: Channel) -> None:
        """Take one watcher off a channel; without watchers the channel is gone."""
        channel.watchers -= 1
        if not channel.watchers:
            del self._by_key[channel.key]
            self._matching.discard(channel)
            self._needs = None

    async def match(self, changes: Sequence[Change], rows: FeatureProperties) -> list[Wanted]:
        """Return the channels that want each change; a wanted change is judged and encoded once an audience."""
        wanted: list[Wanted] = []
        if not self._by_key:
            return wanted
        catalog, slices = self._catalog(), TimeSlices()
        for change in filter(is_whole, changes):
            try:
                await self._match_one(catalog, change, rows, slices, wanted)
            except Exception:  # noqa: BLE001  # whatever one change is, the others go on
                _log.exception("a change of the log cannot be shown", change=str(change)[:500])
        return wanted

    async def _match_one(
        self, catalog: Catalog, change: Change, rows: FeatureProperties, slices: TimeSlices, wanted: list[Wanted]
    ) -> None:
        layer = catalog.get(change["layer"])
        is_public = layer is not None and layer.definition.grade == 1
        known: dict[str, SeenChange | None] = {}
        for channel in self._matching.find(change, rows.place(change), is_public=is_public):
            if channel.units:
                await slices.spend(channel.units)
            if not channel.members:
                continue
            audience = channel.visibility.audience
            if audience not in known:
                known[audience] = channel.visibility.see(change, rows.of)
            seen = known[audience]
            if seen is not None and channel.wants_seen(seen):
                wanted.append((channel, change, seen.encoded))
