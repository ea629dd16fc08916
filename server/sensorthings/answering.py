"""Answers of the SensorThings API: a set, an entity or a property of one, with what is expanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import asyncpg

from layers.clause import Clause, all_of
from layers.errors import BadInput, NotFound, TooMuch
from server.sensorthings.address import AddressStep, SensorAddress
from server.sensorthings.entity_documents import columns_for, id_of, key_of, member_of, self_link
from server.sensorthings.options import EntityOptions
from twin.sensing.condition import Condition, find_column
from twin.sensing.entities import EntityQuery, EntityRow, count, linked, page
from twin.sensing.entity_types import SensorEntity, leads_to_many, linked_type
from twin.sensing.rows import SensingRows

ROWS_MAX = 50_000
_EXPANDED_MAX = 10_000  # entities of one link, over all entities of a page
_PLACED = Clause('f."geom" IS NOT NULL')

type EntityDocument = dict[str, Any]


@dataclass
class SensorAnswers:
    """Answers to one request.

    Attributes
    ----------
    base
        The address of the server.
    root
        The address of the service.
    seen
        Ids of the features that the answer tells of, by layer.
    """

    connection: asyncpg.Connection
    rows: SensingRows
    base: str
    root: str
    seen: dict[str, set[str]] = field(default_factory=dict)
    taken: int = 0

    async def key_at(self, steps: Sequence[AddressStep]) -> dict[str, object]:
        """Return the values of the key that entities at the end of steps have.

        Raises
        ------
        NotFound
            When an entity on the way does not exist, or is hidden.
        """
        bound: dict[str, object] = {}
        for number, step in enumerate(steps):
            own = {} if step.entity_id is None else key_of(step.entity, step.entity_id)
            if own is None or any(bound.get(name, value) != value for name, value in own.items()):
                raise _missing(step)
            bound = bound | own
            if number + 1 == len(steps) and step.entity_id is None:
                return bound
            rows = await page(self.connection, self._query(step.entity, EntityOptions(top=1, select=()), bound))
            if not rows:
                raise _missing(step)
            if number + 1 == len(steps):
                return bound
            shared = step.entity.shares(steps[number + 1].entity)
            bound = {name: rows[0][name] for name in shared}
        return bound

    async def entity_set(self, step: AddressStep, key: Mapping[str, object], options: EntityOptions) -> EntityDocument:
        """Return a page of a set, with its number and the link to the next page."""
        query = self._query(step.entity, options, key)
        rows = await page(self.connection, query)
        found: EntityDocument = {"@iot.count": await count(self.connection, query)} if options.count else {}
        found["value"] = await self.documents(step.entity, rows[: options.top], options)
        return found | ({"@iot.nextLink": True} if _has_more(rows, options) else {})

    async def entity_rows(
        self, step: AddressStep, key: Mapping[str, object], options: EntityOptions
    ) -> tuple[list[EntityRow], bool, int | None]:
        """Return the rows of a page, whether more follow, and their number where it is asked for."""
        query = self._query(step.entity, options, key)
        rows = await page(self.connection, query)
        self._see(rows[: options.top])
        return (
            rows[: options.top],
            _has_more(rows, options),
            await count(self.connection, query) if options.count else None,
        )

    async def entity(self, step: AddressStep, key: Mapping[str, object], options: EntityOptions) -> EntityDocument:
        """Return one entity.

        Raises
        ------
        NotFound
            When it does not exist, or is hidden.
        """
        rows = await page(self.connection, self._query(step.entity, replace(options, top=1), key))
        if not rows:
            raise _missing(step)
        (found,) = await self.documents(step.entity, rows[:1], options)
        return found

    async def documents(
        self, entity: SensorEntity, rows: Sequence[EntityRow], options: EntityOptions
    ) -> list[EntityDocument]:
        """Return rows as documents, with what is expanded.

        Raises
        ------
        TooMuch
            When the answer holds too many entities.
        """
        self._see(rows)
        found = [self._document(entity, row, options) for row in rows]
        for link, inner in options.expand.items():
            await self._expand(entity, rows, found, link, inner)
        return found

    def _see(self, rows: Sequence[EntityRow]) -> None:
        self.taken += len(rows)
        if self.taken > ROWS_MAX:
            raise TooMuch(f"the answer has more than {ROWS_MAX:,} entities; lower $top", parameter="$expand")
        for row in rows:
            if "layer" in row.keys():  # noqa: SIM118  # of a record
                self.seen.setdefault(row["layer"], set()).add(row["id"])

    def _document(self, entity: SensorEntity, row: EntityRow, options: EntityOptions) -> EntityDocument:
        chosen, link = options.select, self_link(entity, row, self.root)
        names = ("id", "@iot.selfLink", *entity.members, *entity.links) if chosen is None else chosen
        found: EntityDocument = {}
        for name in names:
            if name in {"id", "@iot.id"}:
                found["@iot.id"] = id_of(entity, row)
            elif name == "@iot.selfLink":
                found[name] = link
            elif name in entity.members:
                found[name] = member_of(entity, row, name, self.base)
            else:
                found[f"{name}@iot.navigationLink"] = f"{link}/{name}"
        return found

    async def _expand(
        self,
        entity: SensorEntity,
        rows: Sequence[EntityRow],
        found: Sequence[EntityDocument],
        link: str,
        inner: EntityOptions,
    ) -> None:
        target = linked_type(entity, link)
        assert target is not None  # noqa: S101  # the options were read for this entity
        is_many = leads_to_many(link)
        fair = max(1, _EXPANDED_MAX // max(1, len(rows)))
        asked = replace(inner, top=min(inner.top, fair)) if is_many else replace(inner, top=1, skip=0)
        query = self._query(target, asked, {})
        lists, numbers = await linked(
            self.connection, query, rows, entity.shares(target), counts=is_many and inner.count
        )
        flat = await self.documents(target, [row for one in lists for row in one[: asked.top]], asked)
        rest = iter(flat)
        for row, document, one, number in zip(rows, found, lists, numbers, strict=True):
            own = [next(rest) for _ in one[: asked.top]]
            if not is_many:
                document[link] = own[0] if own else None
                continue
            document[link] = own
            if inner.count:
                document[f"{link}@iot.count"] = number
            if _has_more(one, asked):
                address = f"{self_link(entity, row, self.root)}/{link}"
                document[f"{link}@iot.nextLink"] = next_link(address, inner.given, asked)

    def _query(self, entity: SensorEntity, options: EntityOptions, key: Mapping[str, object]) -> EntityQuery:
        condition = Condition(entity, self.rows)
        tests = [] if options.filter is None else [condition.of(options.filter)]
        reads = set(condition.reads)
        if entity.set == "Locations":
            tests.append(_PLACED)
            reads.add("geom")
        order = tuple((find_column(entity, path, self.rows), down) for path, down in options.order)
        if any(queryable.type in {"geometry", "string_array"} for queryable, _ in order):
            raise BadInput("$orderby names a place or a list, which have no order", parameter="$orderby")
        members = entity.members if options.select is None else options.select
        return EntityQuery(
            entity,
            self.rows,
            key,
            where=all_of(tests) if tests else Clause(""),
            reads=frozenset(reads),
            order=tuple({queryable.column: down for queryable, down in order}.items()),
            columns=columns_for(entity, members),
            top=options.top,
            skip=options.skip,
        )


def _has_more(rows: Sequence[EntityRow], options: EntityOptions) -> bool:
    """Whether a page follows; none follows one of no entities, which would lead to itself."""
    return len(rows) > options.top > 0


def next_link(address: str, given: Mapping[str, str], options: EntityOptions) -> str:
    """Return the address of the page after the one of some options."""
    paging = {"$top": str(options.top), "$skip": str(options.skip + options.top)}
    return f"{address}?{urlencode({**given, **paging}, safe='$')}"


def _missing(step: AddressStep) -> NotFound:
    named = f"{step.link}('{step.entity_id[:80]}')" if step.entity_id is not None else step.link
    return NotFound(f"there is no {named}, or none that you may see")


def value_at(document: Mapping[str, Any], address: SensorAddress) -> Any:
    """Return the property that an address names, from the document of its entity.

    Raises
    ------
    NotFound
        When the property has no such part.
    """
    found: Any = document
    for name in address.members:
        if not isinstance(found, dict) or name not in found:
            raise NotFound(f"there is no '{name[:60]}' in it")
        found = found[name]
    return found
