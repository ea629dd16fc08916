"""The sort keys of a page, and the condition of the rows after a cursor."""

from __future__ import annotations

from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, compose, join, quote_identifier
from layers.definition import FieldDefinition
from layers.errors import BadInput
from layers.read.rights import plain_fields
from layers.schema.tables import COLUMN_TYPES

ID = FieldDefinition(name="id", title_zh="标识", title_en="Id", type="string")


@dataclass(frozen=True, slots=True)
class SortKey:
    """A property to sort by; nulls come last in both directions."""

    field: FieldDefinition
    descending: bool = False

    @property
    def column(self) -> str:
        """The column over alias `f`."""
        return f"f.{quote_identifier(self.field.name)}"

    @property
    def cast(self) -> str:
        """PostgreSQL's type of the column."""
        return COLUMN_TYPES[self.field.type]


def sort_keys(names: str, sortable: dict[str, FieldDefinition]) -> tuple[SortKey, ...]:
    """Read `sortby`: names with an optional sign, separated by commas; `-height_m,name`.

    Raises
    ------
    BadInput
        When a name is not sortable, or is given twice; the message lists the sortable ones.
    """
    keys = []
    for part in names.split(","):
        name = part.strip()
        descending, name = name.startswith("-"), name.lstrip("+-")
        field = sortable.get(name)
        if field is None:
            raise BadInput(
                f"cannot sort by '{name[:80]}'; allowed are {', '.join(sorted(sortable))}", parameter="sortby"
            )
        keys.append(SortKey(field, descending))
    if len({key.field.name for key in keys}) < len(keys):
        raise BadInput(f"sortby names a property twice: '{names[:200]}'", parameter="sortby")
    return tuple(keys)


def sortable_fields(layer: Layer, actor: Actor) -> dict[str, FieldDefinition]:
    """Return the properties this actor may sort by, by name: unmasked fields of an ordered type, and the id."""
    unmasked = (field.definition for field in plain_fields(layer, actor).values())
    return {"id": ID} | {f.name: f for f in unmasked if f.type not in {"json", "string_array"}}


def beyond(keys: tuple[SortKey, ...], after: tuple[str | None, ...] | None) -> Clause:
    """Return the keyset condition: rows that sort after the given key values.

    Raises
    ------
    BadInput
        When the number of values differs from that of the keys: the link belongs to another query.
    """
    if after is None:
        return EMPTY
    if len(after) != len(keys):
        raise BadInput("cursor does not belong to this query; follow the next link as it was given", parameter="cursor")
    key, value = keys[0], after[0]
    past = _past(key, value)
    if len(keys) == 1:
        return past
    tie = compose("({} AND {})", _equal(key, value), beyond(keys[1:], after[1:]))
    return join(" OR ", (past, tie))


def _past(key: SortKey, value: str | None) -> Clause:
    if value is None:  # nulls sort last: only more nulls come after
        return EMPTY
    sign = "<" if key.descending else ">"
    strictly = f"{key.column} {sign} ?0::text::{key.cast}"
    return Clause(strictly if key.field is ID else f"({strictly} OR {key.column} IS NULL)", (value,))


def _equal(key: SortKey, value: str | None) -> Clause:
    return (
        Clause(f"{key.column} IS NULL") if value is None else Clause(f"{key.column} = ?0::text::{key.cast}", (value,))
    )
