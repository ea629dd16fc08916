"""Notes of leaders 批示 on events and areas: kept as they were written, and told to who sees what they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from layers.clause import Clause, bind, compose
from layers.database.connection import Role, create_pool
from layers.errors import BadInput, NotFound
from layers.live_source import EVENTS
from layers.read.query import ItemsQuery, find_features
from layers.read.rights import in_areas, unbound
from layers.tiers import AREA_CODE, GRID_CODE, TIER_OF_LAYER

ABOUT = (EVENTS, *TIER_OF_LAYER)
"""The layers whose features notes may be about."""
WORDS_MAX = 1_000
_PLACED = frozenset((AREA_CODE, GRID_CODE))
_SEEN_MAX = 400  # of the newest notes, from which those that a reader may see are taken
_COLUMNS = "id, layer, feature_id, words, author, author_roles, noted_at"
_ADD = f"""INSERT INTO twin.note (layer, feature_id, words, author_id, author, author_roles)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}"""
_OF_FEATURE = f"SELECT {_COLUMNS} FROM twin.note WHERE layer = $1 AND feature_id = $2 ORDER BY id DESC LIMIT $3"
_NEWEST = f"SELECT {_COLUMNS} FROM twin.note ORDER BY id DESC LIMIT $1"


@dataclass(frozen=True, slots=True)
class LeaderNote:
    """A note.

    Attributes
    ----------
    author
        The name of who wrote it, as it was then.
    title
        The title or name of what it is about, as far as the reader sees one.
    """

    id: int
    layer: str
    feature_id: str
    words: str
    author: str
    author_roles: tuple[str, ...]
    noted_at: datetime
    title: str | None = None


@dataclass(frozen=True, slots=True)
class NoteAuthor:
    """Who writes a note: the id of the subject, its name and its roles."""

    id: str
    name: str
    roles: tuple[str, ...]


class NoteLedger:
    """Writes notes.

    Parameters
    ----------
    url
        The database; connections take the ingesting role.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None

    async def start(self) -> None:
        """Open the pool; a connection is made when the first note is written."""
        self._pool = await create_pool(self._url, Role.INGEST, size=1)

    async def stop(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()

    async def add(self, layer_id: str, feature_id: str, words: str, author: NoteAuthor) -> LeaderNote:
        """Keep a note about a feature that the author sees (`find_subject`).

        Raises
        ------
        BadInput
            When it has no words or too many.
        """
        text = words.strip()
        if not 1 <= len(text) <= WORDS_MAX or "\0" in text:
            raise BadInput(f"批示 a note has 1 to {WORDS_MAX} characters; got {len(text)}", parameter="words")
        if self._pool is None:
            raise RuntimeError("the ledger has not started")
        row = await self._pool.fetchrow(_ADD, layer_id, feature_id, text, author.id, author.name, [*author.roles])
        return _note(row, None)


async def find_subject(pool: asyncpg.Pool, catalog: Catalog, actor: Actor, layer_id: str, feature_id: str) -> str:
    """Return the title of a feature that a note may be about.

    Raises
    ------
    BadInput
        When notes are not about features of this layer.
    NotFound
        When the actor sees no such feature.
    """
    check_about(layer_id)
    titles = await _titles(pool, catalog, actor, layer_id, [feature_id])
    if feature_id not in titles:
        raise NotFound(f"there is no '{feature_id[:80]}' in '{layer_id}' that you may see", parameter="id")
    return titles[feature_id]


def check_about(layer_id: str) -> None:
    """Check the layer of what a note is about.

    Raises
    ------
    BadInput
        When notes are not about its features.
    """
    if layer_id not in ABOUT:
        raise BadInput(f"layer is '{layer_id[:63]}'; notes are about {', '.join(ABOUT)}", parameter="layer")


async def list_notes(
    pool: asyncpg.Pool,
    catalog: Catalog,
    actor: Actor,
    *,
    about: tuple[str, str] | None = None,
    area: str | None = None,
    limit: int,
) -> Sequence[LeaderNote]:
    """Return notes, the newest first, as far as the actor sees what they are about.

    Parameters
    ----------
    about
        Layer and id of a feature; None is any.
    area
        The code of an area, without padding: notes about it, the areas below, and the events in it. None is any.
    """
    if about is not None:
        rows = await pool.fetch(_OF_FEATURE, *about, limit)
    else:
        rows = await pool.fetch(_NEWEST, _SEEN_MAX)
    seen: dict[tuple[str, str], str] = {}
    for layer_id in {row["layer"] for row in rows}:
        ids = sorted({row["feature_id"] for row in rows if row["layer"] == layer_id})
        titles = await _titles(pool, catalog, actor, layer_id, ids, area)
        seen |= {(layer_id, feature_id): title for feature_id, title in titles.items()}
    told = (_note(row, title) for row in rows if (title := seen.get((row["layer"], row["feature_id"]))) is not None)
    return [*told][:limit]


async def _titles(
    pool: asyncpg.Pool, catalog: Catalog, actor: Actor, layer_id: str, ids: Collection[str], area: str | None = None
) -> dict[str, str]:
    """Return the titles of those features that the actor sees, by id; of an area if asked."""
    reader = actor if layer_id == EVENTS else unbound(actor)
    layer = catalog.find(layer_id, reader)
    if layer is None or not ids:
        return {}
    chosen = Clause("f.id = ANY (?0::text[])", ([*ids],))
    if area is not None:
        tier = TIER_OF_LAYER.get(layer_id)
        inside = compose(f"{tier.own_code} ^@ {{}}", bind(area, "text")) if tier else in_areas((area,), _PLACED)
        chosen = compose("{} AND {}", chosen, inside)
    query = ItemsQuery(layer, reader, chosen, ("title", "name"), skip_geometry=True, limit=len(ids))
    found = await find_features(pool, query)
    return {feature["id"]: _first(feature["properties"].values(), feature["id"]) for feature in found.features}


def _first(values: Iterable[str | None], otherwise: str) -> str:
    return next((value for value in values if value), otherwise)


def _note(row: asyncpg.Record, title: str | None) -> LeaderNote:
    return LeaderNote(**{**dict(row), "author_roles": tuple(row["author_roles"])}, title=title)
