"""An index of channels: finding those that may want a change costs the same with two channels or two thousand."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import floor

from layers.tiers import AREA_DIGITS
from layers.types import BBox
from twin.live.channel import Channel
from twin.live.interest import area_codes
from twin.log.change import Change

_CELLS_DEG = (0.002, 0.01, 0.05, 0.25)  # 200 m to 25 km: from a street's window to a city's
_CELLS_MAX = 64
_EVERYWHERE = "everywhere"

type _Cell = tuple[int, int, int]  # level, column, row
type _Key = tuple[str, str | _Cell]


class Matching:
    """Channels by what restricts them most: areas, else a box, else layers, else nothing."""

    def __init__(self) -> None:
        self._channels: dict[_Key, set[Channel]] = defaultdict(set)
        self._lengths: Counter[int] = Counter()  # of area codes
        self._levels: Counter[int] = Counter()  # of cells

    def add(self, channel: Channel) -> None:
        """Add a channel."""
        for key in _keys(channel):
            self._channels[key].add(channel)
            self._count(key, 1)

    def discard(self, channel: Channel) -> None:
        """Remove a channel."""
        for key in _keys(channel):
            self._count(key, -1)
            self._channels[key].discard(channel)
            if not self._channels[key]:
                del self._channels[key]

    def _count(self, key: _Key, by: int) -> None:
        kind, value = key
        if kind in {"area", "cell"}:
            counts, at = (self._lengths, len(value)) if isinstance(value, str) else (self._levels, value[0])
            counts[at] += by
            if not counts[at]:
                del counts[at]

    def find(self, change: Change, place: tuple[float, float] | None, *, is_public: bool) -> set[Channel]:
        """Return every channel that may want a change; `Channel.wants` decides.

        Parameters
        ----------
        change
            A change of the log.
        place
            Longitude and latitude in degrees, CRS84; None when it has none.
        is_public
            Whether its layer is of grade 1; actors of any area may see such a change.
        """
        keys: list[_Key] = [("layer", _EVERYWHERE), ("layer", change["layer"])]
        for area, grid in {area_codes(change), area_codes(change.get("stored", change))}:
            for length in self._lengths:
                code = area if length <= AREA_DIGITS else grid
                keys.append(("area", code[:length]))
        if place is not None:
            keys += (("cell", _cell(level, *place)) for level in self._levels)
        if is_public:
            keys.append(("scoped", ""))
        found: set[Channel] = set()
        for key in keys:
            if key in self._channels:
                found |= self._channels[key]
        return found


def _keys(channel: Channel) -> list[_Key]:
    interest = channel.interest
    if interest.areas:
        return [("area", area) for area in dict.fromkeys(interest.areas)]
    exact = channel.visibility.has_true_places(interest.layers)  # the cell of a place does not tell that of its mask
    if interest.bbox_crs84 is not None and exact and (cells := _cells(interest.bbox_crs84)):
        return [("cell", cell) for cell in cells]
    scope = channel.visibility.prefixes(interest.layers)
    if scope is not None:
        return [("scoped", ""), *(("area", area) for area in dict.fromkeys(scope))]
    return [("layer", layer) for layer in interest.layers or (_EVERYWHERE,)]


def _cell(level: int, lon: float, lat: float) -> _Cell:
    size = _CELLS_DEG[level]
    return level, floor(lon / size), floor(lat / size)


def _cells(bbox: BBox) -> list[_Cell]:
    """Return cells that cover a box, of the finest level with at most `_CELLS_MAX`; else none."""
    west, south, east, north = bbox
    for level in range(len(_CELLS_DEG)):
        (_, left, bottom), (_, right, top) = _cell(level, west, south), _cell(level, east, north)
        if (right - left + 1) * (top - bottom + 1) <= _CELLS_MAX:
            return [(level, x, y) for x in range(left, right + 1) for y in range(bottom, top + 1)]
    return []
