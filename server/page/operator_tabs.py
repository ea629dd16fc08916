"""The pages of operators, and the duties that open each; a reader sees the tabs of his own."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from layers.policy.definition import Duty


@dataclass(frozen=True, slots=True)
class OperatorTab:
    """A page of operators.

    Attributes
    ----------
    path
        Below the address of the map.
    key
        Of its title among the words of the pages.
    duties
        One of them opens it; empty is open to everybody.
    """

    path: str
    key: str
    duties: frozenset[Duty] = frozenset()


_TABS = (
    OperatorTab("/status", "status"),
    OperatorTab("/status/refused", "refusedlist", frozenset({"quarantine"})),
    OperatorTab("/status/layers", "keptlayers", frozenset({"layers"})),
    OperatorTab("/status/rules", "keptrules", frozenset({"rules"})),
    OperatorTab("/status/accounts", "accounts", frozenset({"users", "policy"})),
    OperatorTab("/status/policy", "policy", frozenset({"policy"})),
)


def operator_tabs(duties: AbstractSet[Duty]) -> tuple[OperatorTab, ...]:
    """Return the pages that somebody with these duties may open, in their order."""
    return tuple(tab for tab in _TABS if not tab.duties or tab.duties & duties)
