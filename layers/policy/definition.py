"""Roles and rules of the policy, as `config/policy/*.yaml` holds them.

A rule gives; nothing else does (default deny). The rules of an actor on a layer are those of its roles and of
`anonymous`, which everybody has. For each role, rules that name the layer replace those for `*`.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

NAME = r"^[a-z][a-z0-9_]{0,62}$"
RULE_ID = r"^[a-z][a-z0-9_-]{0,62}$"
EVERY = "*"
ANONYMOUS_ROLE = "anonymous"

type Name = Annotated[str, StringConstraints(pattern=NAME)]
type Operation = Literal["read", "aggregate", "history", "export", "report", "handle"]
type Showing = Literal[
    "full",
    "absent",
    "name",
    "phone",
    "id_number",
    "plate",
    "address",
    "hour",
    "day",
    "pseudonym",
    "stock_class",
    "reference",
]
type GeometryShowing = Literal["full", "absent", "cell_100", "cell_500"]
type Duty = Literal[
    "feeds",
    "quarantine",
    "metrics",
    "rules",
    "outlets",
    "layers",
    "users",
    "policy",
    "audit",
    "elevate",
    "write_notes",
    "read_notes",
]


def _clock_text(value: object) -> object:
    if isinstance(value, int | float):  # YAML reads 20:00 as 1200
        raise ValueError("write times of day in quotes: ['08:00', '20:00']")  # noqa: TRY004  # pydantic wants it
    return value


type ClockTime = Annotated[time, BeforeValidator(_clock_text)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PolicyRole(_Frozen):
    """A role of `domain.md` 7.2.

    Attributes
    ----------
    clearance
        The highest data grade that its rules can give, 1 to 4.
    bound
        Whether its holder needs areas of its own: without them it sees what everybody sees.
    duties
        Operations that are not about a layer: administration of feeds, users, the policy, the audit. The
        duties ``write_notes`` and ``read_notes`` are about the notes of leaders.
    exports
        ``without_approval``: what its rules let it export needs no approval number.
    """

    id: Name
    title_zh: str
    title_en: str
    clearance: int = Field(default=1, ge=1, le=4)
    bound: bool = False
    duties: tuple[Duty, ...] = ()
    exports: Literal["with_approval", "without_approval"] = "with_approval"


class PolicyRule(_Frozen):
    """What some roles may do with the features of some layers.

    Attributes
    ----------
    layers
        Layer ids, or ``*`` for every layer that no other rule of the role names.
    grade
        The highest grade of rows and of fields that the rule gives; the clearance of the actor limits it further.
    areas
        ``own``: only rows in the areas of the actor.
    departments, purposes
        The actor must be of one of them; empty asks for none.
    hours
        Local time of day from and until which the rule gives anything; None is always.
    rows
        A CQL2 text over the fields of the layer and ``caller('subject')``, ``caller('departments')`` or any attribute
        of the actor, such as ``caller('worker_id')``; a missing attribute is null. None is every row.
    geometry
        The place: full, absent, or the centre of a square cell of 100 or 500 m.
    fields
        How single fields are shown; ``*`` stands for all others, which without it are full up to the grade.
    operations
        ``read`` (items, tiles, streams), ``aggregate`` (counts alone), ``history`` (the past), ``export`` (bulk);
        ``report`` (new events, or the own place), ``handle`` (the next stage of events): neither lets anybody read.
    count_by, least_count
        Where only ``aggregate`` is given: the area layers to count by, and the least count that is shown.
    """

    id: Annotated[str, StringConstraints(pattern=RULE_ID)]
    roles: tuple[Name, ...] = Field(min_length=1)
    layers: tuple[Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,62})$")], ...] = Field(min_length=1)
    grade: int = Field(default=4, ge=1, le=4)
    areas: Literal["any", "own"] = "any"
    departments: tuple[Name, ...] = ()
    purposes: tuple[Name, ...] = ()
    hours: tuple[ClockTime, ClockTime] | None = None
    rows: str | None = Field(default=None, max_length=2000)
    geometry: GeometryShowing = "full"
    fields: dict[str, Showing] = Field(default_factory=dict)
    operations: tuple[Operation, ...] = ("read", "aggregate", "history")
    count_by: tuple[Name, ...] = ()
    least_count: int = Field(default=1, ge=1, le=1000)

    @property
    def names_layers(self) -> bool:
        """Whether the rule is for layers by name, and so replaces the role's rules for ``*`` there."""
        return EVERY not in self.layers

    def reads_caller(self) -> bool:
        """Whether rows depend on who asks, beyond roles, areas and departments."""
        return self.rows is not None and "caller" in self.rows.lower()
