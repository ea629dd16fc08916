"""Actors: the identity that every read carries, and its rights."""

from __future__ import annotations

from dataclasses import dataclass

from layers.definition import FieldDefinition

HIGHEST_GRADE = 4
"""The highest data grade; an actor with this clearance sees every grade."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a read.

    Attributes
    ----------
    subject
        A name for the audit, never a secret.
    clearance
        The highest data grade that the actor sees, 1 (public) to 4 (highly sensitive); `domain.md` 7.1.
    area_prefixes
        Prefixes of the area codes whose rows the actor sees, for example ``("440106011",)``; empty means everywhere.
    sees_masked
        Whether values above the clearance are shown in part (张**) where the field has a mask, instead of not at all.
    """

    subject: str
    clearance: int
    area_prefixes: tuple[str, ...] = ()
    sees_masked: bool = False

    @property
    def audience(self) -> str:
        """The key of caches: two actors with the same audience receive the same bytes."""
        return f"{self.clearance}{'m' if self.sees_masked else ''}:{','.join(sorted(self.area_prefixes))}"

    @property
    def is_bound(self) -> bool:
        """Whether the actor sees only the rows of some areas."""
        return bool(self.area_prefixes)

    def may_see(self, field: FieldDefinition) -> bool:
        """Whether the actor receives this field's plain value."""
        return not field.internal and field.grade <= self.clearance


ANONYMOUS = Actor("anonymous", clearance=2)
OPERATOR = Actor("operator", clearance=4)
