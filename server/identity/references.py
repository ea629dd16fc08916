"""References into other systems: tickets in the place of stored values, and their exchange."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.coordinates.crs import CRS84
from layers.database.connection import in_our_words
from layers.errors import NotFound
from layers.identity.reference_tickets import Referred, issue_tickets, take_ticket
from layers.read.query import single
from layers.read.references import stored_reference

_UNKNOWN = "there is no such reference: it was used, is older than five minutes, or is for somebody else"


class References:
    """Gives tickets, and values for tickets.

    Parameters
    ----------
    tickets
        Connections in the identity role.
    reading
        Connections in the reading role.
    """

    def __init__(self, tickets: asyncpg.Pool, reading: asyncpg.Pool) -> None:
        self._tickets, self._reading = tickets, reading

    async def addresses(self, feature: bytes, layer: Layer, actor: Actor, fields: Collection[str], base: str) -> bytes:
        """Return a feature with an address in the place of each reference, at which it is exchanged once.

        Parameters
        ----------
        feature
            A GeoJSON feature, with a word where there is a reference.
        base
            The address that addresses of this service start with, without a slash at the end.
        """
        document = orjson.loads(feature)
        properties = document["properties"]
        wanted: list[Referred] = []
        for name in fields:
            shown = properties.get(name)
            positions = range(len(shown)) if isinstance(shown, list) else [None] if shown is not None else []
            wanted += [Referred(layer.id, document["id"], name, position) for position in positions]
        with in_our_words():
            tickets = await issue_tickets(self._tickets, actor.subject, wanted)
        for one, ticket in zip(wanted, tickets, strict=True):
            address = f"{base}/references/{ticket}"
            if one.position is None:
                properties[one.field] = address
            else:
                properties[one.field][one.position] = address
        return orjson.dumps(document)

    async def take(self, ticket: str, actor: Actor) -> Referred:
        """Use a ticket up and return what it stands for.

        Raises
        ------
        NotFound
            When it is unknown, used, too old, or another's.
        """
        with in_our_words():
            found = await take_ticket(self._tickets, ticket, actor.subject)
        if found is None:
            raise NotFound(_UNKNOWN)
        return found

    async def value(self, referred: Referred, catalog: Catalog, actor: Actor) -> str:
        """Return the stored value, if the actor may see it still, with the purpose that it states now.

        Raises
        ------
        NotFound
            When it may not, or there is none any more.
        """
        layer = catalog.visible(referred.layer, actor)
        text, values = single(layer, actor, referred.feature, CRS84).render()
        stored_text, stored_values = stored_reference(layer, referred.feature, referred.field).render()
        with in_our_words():
            feature = await self._reading.fetchval(text, *values)
            if feature is None or orjson.loads(feature)["properties"].get(referred.field) is None:
                raise NotFound(_UNKNOWN)
            value = await self._reading.fetchval(stored_text, *stored_values)
        if referred.position is not None:
            value = value[referred.position] if value and referred.position < len(value) else None
        if value is None:
            raise NotFound(_UNKNOWN)
        return str(value)
