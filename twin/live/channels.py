"""The channels of a process: shared by equal interests, and matched with every change of the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from weakref import WeakValueDictionary

import structlog

from layers.actor import Actor
from layers.catalog import Catalog
from twin.live.budget import TimeSlices
from twin.live.channel import Channel, channel_key
from twin.live.interest import Interest
from twin.live.leaving import is_gone, prior_of, removal_of, was_seen
from twin.live.matching import Matching
from twin.live.rights_mark import RightsMark
from twin.live.rows import FeatureProperties, Needs
from twin.live.visibility import SeenChange, Visibility
from twin.log.change import Change, is_of_layer, is_whole

type Wanted = tuple[Channel, Change, bytes]  # a channel, a change it wants, and the change as its members see it
_LABELS = ("grade", "area_code", "grid_code", "stored")
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
        self._by_audience: defaultdict[str, set[Channel]] = defaultdict(set)
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
        mark = RightsMark.of(actor, self._catalog(), interest.layers)
        key = channel_key(interest, mark)
        channel = self._by_key.get(key)
        if channel is None:
            channel = self._by_key[key] = Channel(key, interest, self._visibility(actor), mark)
            self._matching.add(channel)
            self._by_audience[actor.audience].add(channel)
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
            self._forget(channel)
            self._needs = None

    def _forget(self, channel: Channel) -> None:
        audience = channel.visibility.audience
        self._by_audience[audience].discard(channel)
        if not self._by_audience[audience]:
            del self._by_audience[audience]

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
        prior = prior_of(change) if "before" in change else None
        if prior is not None and self._may_hide(change, prior):
            wanted += await self._left(change, prior, rows, known, slices)
        if is_gone(change):
            wanted += self._gone(change, rows, known, {channel for channel, told, _ in wanted if told is change})

    def _gone(
        self,
        change: Change,
        rows: FeatureProperties,
        known: Mapping[str, SeenChange | None],
        told: Collection[Channel],
    ) -> list[Wanted]:
        """Return the removal of a deleted feature for who may see it, and did not ask for what it was last."""
        removal, encoded = removal_of(change)
        gone = list[Wanted]()
        for audience, channels in self._by_audience.items():
            visibility = next(iter(channels)).visibility
            seen = known[audience] if audience in known else visibility.see(change, rows.of)
            if seen is not None:
                asking = (one for one in channels if one not in told and one.interest.has_layer(change["layer"]))
                gone += [(one, removal, encoded) for one in asking]
        return gone

    def begin_anew(self, changes: Sequence[Change]) -> None:
        """Let members fall behind who are to read a layer anew: in the log they meet the change that says so."""
        for change in filter(is_of_layer, changes):
            for channel in self._by_key.values():
                if channel.members and channel.reads_anew(change):
                    for member in tuple(channel.members):
                        member.fall_behind()

    def _may_hide(self, change: Change, prior: Change) -> bool:
        """Whether a change differs from what was before it in what may hide its feature from a reader."""
        is_judged = change["layer"] in self.needs.judged
        return is_judged or any(prior.get(name) != change.get(name) for name in _LABELS)

    async def _left(
        self,
        change: Change,
        prior: Change,
        rows: FeatureProperties,
        known: Mapping[str, SeenChange | None],
        slices: TimeSlices,
    ) -> list[Wanted]:
        """Return the removal of a feature for the channels whose members saw it before and may not see it now.

        It goes to all that ask for its layer: a feature that has left a member's box or filter is still on his map.
        """
        row, (removal, encoded), left = rows.of(change), removal_of(change), list[Wanted]()
        for audience, channels in [(audience, tuple(asking)) for audience, asking in self._by_audience.items()]:
            await slices.spend(1)
            visibility = channels[0].visibility
            seen = known[audience] if audience in known else visibility.see(change, rows.of)
            if seen is None and was_seen(visibility, prior, row):
                left += [(one, removal, encoded) for one in channels if one.interest.has_layer(change["layer"])]
        return left
