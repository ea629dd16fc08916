"""The rules of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from twin.folder import Folder
from twin.rules.calendar import Calendar
from twin.rules.definition import Rule, check_together, read_rule


class Rules(Folder[Rule]):
    """The rules of a folder at a moment."""

    def together(self, by_name: Mapping[str, Rule]) -> dict[str, str]:
        """Return the faults of tables without their calendar, by file name."""
        return {f"{name}.yaml": fault for name, fault in check_together(by_name).items()}

    def of[T](self, kind: type[T]) -> dict[str, T]:
        """Return the enabled rules of a kind, by name."""
        chosen = {name: rule for name, rule in self.by_name.items() if isinstance(rule, kind)}
        return {name: rule for name, rule in chosen.items() if getattr(rule, "enabled", True)}

    def calendar(self, name: str) -> Calendar | None:
        """Return a calendar; None when there is none of that name."""
        rule = self.by_name.get(name)
        return rule if isinstance(rule, Calendar) else None


NO_RULES = Rules(Path(), read_rule)  # before a folder was read


def read_rules(folder: Path, before: Rules | None = None) -> Rules:
    """Read the rules of a folder; `before` itself when nothing has changed since it was read."""
    return (before or Rules(folder, read_rule)).renewed()
