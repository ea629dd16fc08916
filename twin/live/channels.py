"""The channels of a process: shared by equal interests, and matched with every change of the log."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from weakref import WeakValueDictionary

import orjson
import structlog

from layers.actor import Actor
from layers.catalog import Catalog
from twin.live.budget import TimeSlices
from twin.live.channel import Channel, channel_key
from twin.live.interest import Interest
from twin.live.last_seen import LastSeen, removal_of
from twin.live.matching import Matching
from twin.live.rows import FeatureProperties, Needs
from twin.live.visibility import SeenChange, Visibility
from twin.log.change import Change, is_whole

type Wanted = tuple[Channel, Change, bytes]  # a channel, a change it wants, and the change as its members see it
_LABELS = ("grade", "area_code", "grid_code")
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
        self._last = LastSeen()
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
        before = self._last.replace(change)
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
        if before is not None and self._may_leave(before, change):
            wanted += self._left(change, before, rows, known)

    def _may_leave(self, before: Change, change: Change) -> bool:
        """Whether a change may hide its feature from a reader: by its grade and codes, or by rules on its rows."""
        return change["layer"] in self.needs.judged or any(before.get(name) != change.get(name) for name in _LABELS)

    def _left(
        self, change: Change, before: Change, rows: FeatureProperties, known: dict[str, SeenChange | None]
    ) -> list[Wanted]:
        """Return the removal of a feature for the channels that were shown it before and may not see it now.

        What was shown is judged by the change before alone: by its feature's row of today it could be another.
        """
        alone, removal = FeatureProperties(), removal_of(change)
        left: list[Wanted] = []
        for channel in self._matching.find(before, alone.place(before), is_public=True):
            audience = channel.visibility.audience
            if not channel.members:
                continue
            if audience not in known:
                known[audience] = channel.visibility.see(change, rows.of)
            if known[audience] is None:
                seen = channel.visibility.see(before, alone.of)
                if seen is not None and channel.wants_seen(seen):
                    left.append((channel, removal, orjson.dumps(removal)))
        return left
