"""Who asks: the identity every read carries, and what it may see."""

from __future__ import annotations

from dataclasses import dataclass

from layers.definition import FieldDefinition

HIGHEST_GRADE = 4
"""Of data; whoever has this clearance sees every grade."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks.

    Attributes
    ----------
    subject
        A name for the audit, never a secret.
    clearance
        The highest data grade seen, 1 (public) to 4 (highly sensitive); `domain.md` 7.1.
    area_prefixes
        Prefixes of area codes whose rows are seen, for example ``("440106011",)``; empty means everywhere.
    sees_masked
        Whether values above the clearance are shown in part (张**) where the field has a mask, instead of not at all.
    """

    subject: str
    clearance: int
    area_prefixes: tuple[str, ...] = ()
    sees_masked: bool = False

    @property
    def audience(self) -> str:
        """What caches are keyed by: two actors with one audience see the same bytes."""
        return f"{self.clearance}{'m' if self.sees_masked else ''}:{','.join(sorted(self.area_prefixes))}"

    @property
    def is_bound(self) -> bool:
        """Whether the actor sees only the rows of some areas."""
        return bool(self.area_prefixes)

    def may_see(self, field: FieldDefinition) -> bool:
        """Whether the actor gets this field's plain value."""
        return not field.internal and field.grade <= self.clearance


ANONYMOUS = Actor("anonymous", clearance=2)
OPERATOR = Actor("operator", clearance=4)
