"""All rules of a folder, read again when a file changes: a broken file leaves the old rule in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from layers.errors import BadInput
from twin.rules.calendar import Calendar
from twin.rules.definition import Rule, check_together, read_rule

type Stamp = tuple[int, int]  # time of change in ns, size in bytes


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file as it was last read."""

    stamp: Stamp
    rule: Rule | None  # the last good one
    fault: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a folder at a moment.

    Attributes
    ----------
    by_name
        Those in force; where a file has a fault, the rule as it was before.
    faults
        By file name: what is wrong with it.
    """

    by_name: dict[str, Rule] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    files: dict[str, RuleFile] = field(default_factory=dict, repr=False)

    def of[T](self, kind: type[T]) -> dict[str, T]:
        """Return the rules of a kind that are switched on, by name."""
        chosen = {name: rule for name, rule in self.by_name.items() if isinstance(rule, kind)}
        return {name: rule for name, rule in chosen.items() if getattr(rule, "enabled", True)}

    def calendar(self, name: str) -> Calendar | None:
        """Return a calendar; None when there is none of that name."""
        rule = self.by_name.get(name)
        return rule if isinstance(rule, Calendar) else None


def read_rules(folder: Path, before: Rules | None = None) -> Rules:
    """Read the `*.yaml` files of a folder; those whose time and size are as before are not read again.

    Parameters
    ----------
    folder
        May be missing: no rules. Files whose names start with ``_`` or ``.`` are left out.
    before
        What was read last.

    Returns
    -------
    Rules
        `before` itself when nothing changed, so that `is` tells.
    """
    known = before.files if before is not None else {}
    stamps = _stamps(folder)
    if before is not None and stamps == {name: file.stamp for name, file in known.items()}:
        return before
    files = {}
    for name, stamp in stamps.items():
        old = known.get(name)
        files[name] = old if old is not None and old.stamp == stamp else _read(folder / name, stamp, old)
    by_name = {file.rule.name: file.rule for file in files.values() if file.rule is not None}
    apart = {f"{name}.yaml": fault for name, fault in check_together(by_name).items()}
    faults = apart | {name: file.fault for name, file in files.items() if file.fault is not None}
    return Rules(by_name, faults, files)


def _stamps(folder: Path) -> dict[str, Stamp]:
    stamps = {}
    for path in sorted(folder.glob("[!_.]*.yaml")):
        try:
            stat = path.stat()
        except FileNotFoundError:  # it went while we looked
            continue
        stamps[path.name] = (stat.st_mtime_ns, stat.st_size)
    return stamps


def _read(path: Path, stamp: Stamp, old: RuleFile | None) -> RuleFile:
    try:
        return RuleFile(stamp, read_rule(path), None)
    except BadInput as error:
        return RuleFile(stamp, old.rule if old is not None else None, error.message)
