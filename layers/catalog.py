"""The catalogue: which layers there are, as one unchanging picture, kept fresh by PostgreSQL's notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import accumulate
from time import time
from types import MappingProxyType
from typing import Any, NamedTuple

import asyncpg
import orjson
import structlog

from layers.actor import HIGHEST_GRADE, Actor
from layers.database.identity import database_identity
from layers.database.listener import Listener, NotificationHandler
from layers.definition import CodeList, LayerDefinition
from layers.errors import NotFound
from layers.moment import Moment
from layers.schema.code_lists import read_stored_code_lists
from layers.schema.tables import parse_definition, table_of

_SEEN_MAX = 2_000
_AGES_EVERY_S = 60  # an answer that ages is good for the minute it was made in
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the rows of one data grade: how many, where (degrees: west, south, east, north) and from when to when."""

    row_count: int
    extent_crs84: tuple[float, float, float, float] | None
    time_span: tuple[datetime, datetime] | None


class LayerVersion(NamedTuple):
    """A version of a layer, and when it was given; the later of two is the greater."""

    version: int
    changed_at: datetime


_NEVER = LayerVersion(0, datetime.fromtimestamp(0, UTC))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as the catalogue knows it.

    Attributes
    ----------
    version
        Grows with every statement that writes the table; what is made of the table alone is keyed by it.
    live_version
        Grows with every change of the state that is joined when features are read.
    moment
        As of when features are read (`as_of`); `None` is the present.
    row_count, extent_crs84, time_span, lowest_grade
        Statistics of the last load; `extent_crs84` is (west, south, east, north) in degrees or None when empty.
    by_grade
        The same by data grade; empty when it is not known.
    changes
        The last change that touched a row which clearance 1, 2, 3, 4 sees; empty when it is not known.
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
        """Whether features are read from the table alone: nothing is joined, and they are asked for as they are now."""
        return self.moment is None and not self.definition.is_live

    def as_of(self, moment: Moment | None) -> Layer:
        """Return the same layer as of a moment, for every read; of the present when there is none."""
        return self if moment == self.moment else replace(self, moment=moment)

    @property
    def freshness(self) -> tuple[int, int, int]:
        """What answers about the features are keyed by: both versions, and the minute where answers age."""
        minute = int(time() // _AGES_EVERY_S) if self.definition.ages and self.moment is None else 0
        return self.version, self.live_version, minute

    @property
    def fresh_at(self) -> datetime:
        """When answers about the features last changed, or may have by age alone."""
        if not self.definition.ages:
            return self.changed_at
        minute = datetime.fromtimestamp(time() // _AGES_EVERY_S * _AGES_EVERY_S, UTC)
        return max(self.changed_at, minute)

    def visible_to(self, actor: Actor) -> bool:
        """Whether the actor may know of the layer: its least sensitive row, or its own grade while it is empty."""
        grade = self.definition.grade if self.lowest_grade is None else self.lowest_grade
        return grade <= actor.clearance

    def is_open_to(self, actor: Actor) -> bool:
        """Whether no row of the layer is hidden from the actor, whatever its grade."""
        return actor.clearance >= HIGHEST_GRADE and not actor.is_bound and self.visible_to(actor)

    def seen_by(self, actor: Actor) -> Layer:
        """Return the layer with the version and the statistics of the rows that this actor may see.

        Of areas there are none: whoever is bound to some is told no extent and no time span, and the version of his
        clearance. The live version counts where something is joined; nobody is shown it who may not see all.
        """
        if self.is_open_to(actor):
            return self
        last = self.changes[actor.clearance - 1] if self.changes else LayerVersion(self.version, self.changed_at)
        live = self.live_version if self.definition.is_live else 0
        told = replace(self, version=last.version, changed_at=last.changed_at, live_version=live)
        if not self.by_grade or (actor.clearance >= max(self.by_grade) and not actor.is_bound):
            return told
        seen = [of for grade, of in self.by_grade.items() if grade <= actor.clearance]
        bound = actor.is_bound and "area_code" in self.definition.by_name
        extents = [] if bound else [of.extent_crs84 for of in seen if of.extent_crs84]
        spans = [] if bound else [of.time_span for of in seen if of.time_span]
        return replace(
            told,
            row_count=sum(of.row_count for of in seen),
            extent_crs84=_around(extents) if extents else None,
            time_span=(min(s for s, _ in spans), max(e for _, e in spans)) if spans else None,
        )

    def moved(self, to: Layer) -> Layer:
        """Return the layer with the newer of each version that it and the other picture of it have."""
        return replace(
            self,
            version=max(self.version, to.version),
            live_version=max(self.live_version, to.live_version),
            changed_at=max(self.changed_at, to.changed_at),
            changes=tuple(map(max, self.changes, to.changes)),
        )


def _around(extents: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*extents, strict=True)
    return min(west), min(south), max(east), max(north)


class Catalog(Mapping[str, Layer]):
    """All layers at one moment, by id.

    Attributes
    ----------
    code_lists
        Every code list by id.
    """

    def __init__(self, layers: Mapping[str, Layer], code_lists: Mapping[str, CodeList] | None = None) -> None:
        self._layers = MappingProxyType(dict(layers))
        self.code_lists: Mapping[str, CodeList] = MappingProxyType(dict(code_lists or {}))
        self._seen: dict[tuple[str, str], Layer] = {}  # by layer and audience

    def __getitem__(self, layer_id: str) -> Layer:
        return self._layers[layer_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def visible(self, layer_id: str, actor: Actor) -> Layer:
        """Return a layer the actor may see, with the statistics of what it sees of it.

        Raises
        ------
        NotFound
            When there is none, or it is hidden from this actor: both are told in the same words.
        """
        layer = self._layers.get(layer_id)
        if layer is None or not layer.visible_to(actor):
            known = ", ".join(self.visible_ids(actor)) or "none yet"
            raise NotFound(f"there is no layer '{layer_id[:80]}'; layers: {known}", parameter="collectionId")
        key = layer_id, actor.audience
        if key not in self._seen:
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen[key] = layer.seen_by(actor)
        return self._seen[key]

    def visible_layers(self, actor: Actor) -> list[Layer]:
        """Return the layers the actor may see, by id, with the statistics of what it sees of them."""
        return [self.visible(layer_id, actor) for layer_id in self.visible_ids(actor)]

    def visible_ids(self, actor: Actor) -> list[str]:
        """Ids of the layers the actor may see, sorted."""
        return sorted(name for name, layer in self._layers.items() if layer.visible_to(actor))

    def with_version(
        self, layer_id: str, version: int, changed_at: datetime, live_version: int = 0, grade: int = 1
    ) -> Catalog:
        """Return the same picture with one layer's versions moved on; itself when the layer is unknown.

        Parameters
        ----------
        grade
            The lowest data grade of the rows that were touched.
        """
        layer = self._layers.get(layer_id)
        if layer is None or (version <= layer.version and live_version <= layer.live_version):
            return self
        told = LayerVersion(version, changed_at)
        changes = tuple(told if clearance >= grade else _NEVER for clearance in range(1, HIGHEST_GRADE + 1))
        announced = replace(layer, version=version, changed_at=changed_at, live_version=live_version, changes=changes)
        return self.with_moved(announced)

    def with_moved(self, to: Layer) -> Catalog:
        """Return the same picture with one layer's versions at least as new as in another picture of it."""
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


async def read_catalog(connection: asyncpg.Connection, code_lists: Mapping[str, CodeList] | None = None) -> Catalog:
    """Read the catalogue as it is now.

    A layer whose stored definition this version of the code cannot read is left out and logged.
    """
    layers = (_layer(row) for row in await connection.fetch(_SELECT))
    return Catalog({layer.id: layer for layer in layers if layer is not None}, code_lists)


def _layer(row: asyncpg.Record) -> Layer | None:
    definition = parse_definition(row["definition"])
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
        by_grade=_by_grade(row["by_grade"]),
        changes=tuple(accumulate(map(LayerVersion, row["grade_versions"] or (), row["grade_changed_at"] or ()), max)),
    )


def _by_grade(text: str) -> Mapping[int, Statistics]:
    return MappingProxyType({int(grade): _statistics(of) for grade, of in orjson.loads(text).items()})


def _statistics(of: Mapping[str, Any]) -> Statistics:
    span = (datetime.fromisoformat(of["from"]), datetime.fromisoformat(of["to"])) if of["from"] else None
    return Statistics(of["rows"], tuple(of["extent"]) if of["extent"] else None, span)


class CatalogHolder:
    """The current catalogue of a process, kept current by notifications.

    While the connection that listens is down, `trusted` is False and nothing keyed by version may be reused.
    """

    def __init__(self, url: str, code_lists: Mapping[str, CodeList] | None = None) -> None:
        handlers: dict[str, NotificationHandler | None] = {"onemap_layer": self._on_version, "onemap_catalogue": None}
        self._listener = Listener(url, self._reload, handlers, self._on_lost)
        self._code_lists = code_lists
        self.current = Catalog({})
        self.fingerprint = ""  # of the database, its layers and their definitions: the same in every worker
        self.identity = ""  # of the database: what was made of another one, or before a restore, is not of this one
        self.trusted = False
        self.on_change: list[Callable[[], None]] = []  # the picture was read anew
        self.on_version: list[Callable[[], None]] = []  # a version in it moved on
        self.on_restore: list[Callable[[], None]] = []  # the database is another one: its versions mean something else

    async def start(self) -> None:
        """Read the catalogue and begin to listen.

        Raises
        ------
        Unavailable
            When the database cannot be reached now; later outages are waited out.
        """
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening; the last picture stays."""
        await self._listener.stop()

    async def _reload(self, connection: asyncpg.Connection) -> None:
        lists = await read_stored_code_lists(connection)
        found = await read_catalog(connection, lists or self._code_lists)  # a database may be older than its lists
        await self._identify(connection)
        for layer in self.current.values():  # what was announced while we read is newer than what we read
            found = found.with_moved(layer)
        self.current = found
        definitions = "".join(layer.definition.model_dump_json() for layer in found.values())
        codes = "".join(one.model_dump_json() for one in found.code_lists.values())
        self.fingerprint = blake2b(f"{self.identity}{definitions}{codes}".encode(), digest_size=8).hexdigest()
        self.trusted = True
        for listener in self.on_change:
            listener()

    async def _identify(self, connection: asyncpg.Connection) -> None:
        """Find out whether it is still the database it was; if not, forget what was announced of the other one."""
        found = await database_identity(connection)
        if self.identity and found != self.identity:
            _log.warning("the database was restored or is another one; everything that was kept of it is dropped")
            self.current = Catalog({})
            for listener in self.on_restore:
                listener()
        self.identity = found

    def _on_version(self, announced: str) -> None:
        layer_id, version, epoch_s, *live = announced.split(":")
        moved_at = datetime.fromtimestamp(float(epoch_s), UTC)
        self.current = self.current.with_version(layer_id, int(version), moved_at, *map(int, live))
        for listener in self.on_version:
            listener()

    def _on_lost(self) -> None:
        self.trusted = False
