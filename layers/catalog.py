"""The catalogue of layers: an immutable snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from time import time
from types import MappingProxyType

import asyncpg
import structlog

from layers.actor import HIGHEST_GRADE, Actor
from layers.definition import CodeList, LayerDefinition
from layers.errors import NotFound
from layers.layer_rights import LayerRights, rights_of
from layers.layer_statistics import NEVER, LayerVersion, Statistics, merge_statistics, statistics_by_grade
from layers.moment import Moment
from layers.schema.tables import parse_definition, table_of

_VISIBLE_MAX = 2_000
_AGES_EVERY_S = 60  # an ageing response is valid for the minute in which it was made
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer in the catalogue.

    Attributes
    ----------
    version
        Grows with every statement that writes the table; the key of caches of the table alone.
    live_version
        Grows with every change of the state that is joined when features are read.
    moment
        The moment as of which features are read (`as_of`); `None` is the present.
    row_count, extent_crs84, time_span, lowest_grade
        Statistics of the last load; `extent_crs84` is (west, south, east, north) in degrees or None when empty.
    by_grade
        The same statistics by data grade; empty when they are not known.
    changes
        The last change of a row that clearance 1, 2, 3, 4 sees; empty when it is not known.
    referred
        Definitions of the layers that its fields refer to, by id.
    """

    definition: LayerDefinition
    version: int
    changed_at: datetime
    row_count: int = 0
    lowest_grade: int | None = None
    extent_crs84: tuple[float, float, float, float] | None = None
    time_span: tuple[datetime, datetime] | None = None
    live_version: int = 0
    moment: Moment | None = None
    by_grade: Mapping[int, Statistics] = MappingProxyType({})
    changes: tuple[LayerVersion, ...] = ()
    referred: Mapping[str, LayerDefinition] = field(default=MappingProxyType({}), repr=False, compare=False)

    @property
    def id(self) -> str:
        """The collection id."""
        return self.definition.id

    @property
    def table(self) -> str:
        """The quoted table."""
        return table_of(self.definition.id)

    @property
    def is_table(self) -> bool:
        """Whether features are read from the table alone: no live state is joined, and the moment is the present."""
        return self.moment is None and not self.definition.is_live

    def as_of(self, moment: Moment | None) -> Layer:
        """Return the same layer as of a moment, for every read; None is the present."""
        return self if moment == self.moment else replace(self, moment=moment)

    @property
    def freshness(self) -> tuple[int, int, int]:
        """The key of responses about the features: both versions, and the current minute where responses age."""
        minute = int(time() // _AGES_EVERY_S) if self.definition.ages and self.moment is None else 0
        return self.version, self.live_version, minute

    @property
    def fresh_at(self) -> datetime:
        """The time at which responses about the features last changed, or may have changed by age alone."""
        if not self.definition.ages:
            return self.changed_at
        minute = datetime.fromtimestamp(time() // _AGES_EVERY_S * _AGES_EVERY_S, UTC)
        return max(self.changed_at, minute)

    def visible_to(self, actor: Actor) -> bool:
        """Whether the actor may read the layer: by its least sensitive row, or by its own grade while it is empty."""
        return rights_of(self.definition, actor).reads(self.lowest_grade)

    def is_open_to(self, actor: Actor) -> bool:
        """Whether no row of the layer is hidden from the actor, whatever its grade, nor moved to another place."""
        return rights_of(self.definition, actor).is_open

    def seen_by(self, actor: Actor) -> Layer:
        """Return the layer with the version and the statistics of the rows that this actor may see.

        Statistics are known by grade alone. Where more than the grade decides which rows an actor sees and where, it
        receives no extent, no time span, no number of rows, and the version of the highest grade that it sees. The
        live version counts where live state is joined; only an actor that sees all rows receives it.
        """
        rights = rights_of(self.definition, actor)
        if rights.is_open:
            return self
        last = LayerVersion(self.version, self.changed_at)
        if self.changes:
            last = self.changes[rights.top_grade - 1] if rights.top_grade else NEVER
        live = self.live_version if self.definition.is_live else 0
        versioned = replace(self, version=last.version, changed_at=last.changed_at, live_version=live)
        if not self._tells_statistics(rights):
            return replace(versioned, row_count=0, extent_crs84=None, time_span=None)
        if not self.by_grade or rights.whole_grade >= max(self.by_grade):
            return versioned
        visible = merge_statistics([of for grade, of in self.by_grade.items() if grade <= rights.whole_grade])
        return replace(
            versioned,
            row_count=visible.row_count,
            extent_crs84=visible.extent_crs84,
            time_span=visible.time_span,
        )

    def may_have_places(self, actor: Actor) -> bool:
        """Whether an actor may see features on a map, as far as is known without reading them.

        Statistics tell of an empty layer; they are behind where live state or events come by feeds, and kept from an
        actor that sees a part of the rows.
        """
        if self.definition.geometry_type == "None":
            return False
        is_told = not self.definition.is_live and self._tells_statistics(rights_of(self.definition, actor))
        return not is_told or self.extent_crs84 is not None

    def _tells_statistics(self, rights: LayerRights) -> bool:
        """Whether the statistics by grade tell of the rows that somebody may see, and of no other."""
        if rights.is_open or rights.is_by_grade:
            return True
        return bool(self.by_grade) and rights.whole_grade >= max(self.by_grade)

    def moved(self, to: Layer) -> Layer:
        """Return the layer with the newer of each version, its own or that of another snapshot."""
        return replace(
            self,
            version=max(self.version, to.version),
            live_version=max(self.live_version, to.live_version),
            changed_at=max(self.changed_at, to.changed_at),
            changes=tuple(map(max, self.changes, to.changes)),
        )


class Catalog(Mapping[str, Layer]):
    """A snapshot of all layers, by id.

    Attributes
    ----------
    code_lists
        Every code list by id.
    """

    def __init__(self, layers: Mapping[str, Layer], code_lists: Mapping[str, CodeList] | None = None) -> None:
        self._layers = MappingProxyType(dict(layers))
        self.code_lists: Mapping[str, CodeList] = MappingProxyType(dict(code_lists or {}))
        self._visible: dict[tuple[str, str], Layer] = {}  # by layer and audience

    def __getitem__(self, layer_id: str) -> Layer:
        return self._layers[layer_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def visible(self, layer_id: str, actor: Actor) -> Layer:
        """Return a layer that the actor may see, with the statistics of its visible rows.

        Raises
        ------
        NotFound
            When there is none, or it is hidden from this actor; the message is the same for both.
        """
        if (found := self.find(layer_id, actor)) is not None:
            return found
        known = ", ".join(self.visible_ids(actor)) or "none yet"
        raise NotFound(f"there is no layer '{layer_id[:80]}'; layers: {known}", parameter="collectionId")

    def find(self, layer_id: str, actor: Actor) -> Layer | None:
        """Return the same layer; None when there is none, or it is hidden from this actor."""
        layer = self._layers.get(layer_id)
        if layer is None or not layer.visible_to(actor):
            return None
        key = layer_id, actor.audience
        if key not in self._visible:
            if len(self._visible) >= _VISIBLE_MAX:
                self._visible.clear()
            self._visible[key] = layer.seen_by(actor)
        return self._visible[key]

    def visible_layers(self, actor: Actor) -> list[Layer]:
        """Return the layers that the actor may see, sorted by id, with the statistics of their visible rows."""
        return [self.visible(layer_id, actor) for layer_id in self.visible_ids(actor)]

    def visible_ids(self, actor: Actor) -> list[str]:
        """Return the ids of the layers that the actor may see, sorted."""
        return sorted(name for name, layer in self._layers.items() if layer.visible_to(actor))

    def with_version(
        self, layer_id: str, version: int, changed_at: datetime, live_version: int = 0, grade: int = 1
    ) -> Catalog:
        """Return the snapshot with newer versions of one layer; itself when the layer is unknown or not older.

        Parameters
        ----------
        grade
            The lowest data grade of the changed rows.
        """
        layer = self._layers.get(layer_id)
        if layer is None or (version <= layer.version and live_version <= layer.live_version):
            return self
        change = LayerVersion(version, changed_at)
        changes = tuple(change if clearance >= grade else NEVER for clearance in range(1, HIGHEST_GRADE + 1))
        announced = replace(layer, version=version, changed_at=changed_at, live_version=live_version, changes=changes)
        return self.with_moved(announced)

    def with_moved(self, to: Layer) -> Catalog:
        """Return the snapshot with the versions of one layer at least as new as those of `to`."""
        if to.id not in self._layers:
            return self
        return Catalog({**self._layers, to.id: self._layers[to.id].moved(to)}, self.code_lists)


_SELECT = """
SELECT l.id, l.definition, l.version, coalesce(n.version, 0) AS live_version,
    greatest(l.changed_at, n.changed_at) AS changed_at, l.row_count, l.lowest_grade, l.time_from, l.time_to, l.by_grade,
    l.grade_versions, l.grade_changed_at, ST_XMin(l.extent) AS west, ST_YMin(l.extent) AS south,
    ST_XMax(l.extent) AS east, ST_YMax(l.extent) AS north
FROM onemap.layer AS l LEFT JOIN onemap.live AS n ON n.layer = l.id ORDER BY l.id
"""


async def read_catalog(
    connection: asyncpg.Connection,
    code_lists: Mapping[str, CodeList] | None = None,
    before: Mapping[str, Layer] = MappingProxyType({}),
) -> Catalog:
    """Read the present catalogue; a layer whose stored definition this version cannot read is left out and logged.

    Parameters
    ----------
    before
        The catalogue that this one replaces: definitions that are equal stay the same objects, by which rights and
        statements are kept.
    """
    read = (_layer(row, before) for row in await connection.fetch(_SELECT))
    layers = {layer.id: layer for layer in read if layer is not None}
    return Catalog(
        {name: _with_referred(layer, layers, before.get(name)) for name, layer in layers.items()}, code_lists
    )


def _with_referred(layer: Layer, layers: Mapping[str, Layer], before: Layer | None) -> Layer:
    names = sorted({name for field in layer.definition.fields for name in field.refers_to if name in layers})
    referred: Mapping[str, LayerDefinition] = MappingProxyType({name: layers[name].definition for name in names})
    if before is not None and before.referred == referred:
        referred = before.referred
    return replace(layer, referred=referred)


def _layer(row: asyncpg.Record, before: Mapping[str, Layer]) -> Layer | None:
    definition = parse_definition(row["definition"])
    if row["id"] in before and before[row["id"]].definition == definition:
        definition = before[row["id"]].definition
    if definition is None:
        _log.error("layer definition cannot be read; run onemap doctor", layer=row["id"])
        return None
    return Layer(
        definition,
        row["version"],
        row["changed_at"],
        row["row_count"],
        row["lowest_grade"],
        None if row["west"] is None else (row["west"], row["south"], row["east"], row["north"]),
        None if row["time_from"] is None else (row["time_from"], row["time_to"]),
        row["live_version"],
        by_grade=statistics_by_grade(row["by_grade"]),
        changes=tuple(accumulate(map(LayerVersion, row["grade_versions"] or (), row["grade_changed_at"] or ()), max)),
    )
