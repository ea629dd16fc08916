"""A rule is data: a file in `config/rules/`, of one of five kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from twin.folder import read_definition
from twin.rules.calendar import Calendar
from twin.rules.cluster import ClusterRule
from twin.rules.fences.definition import Fence
from twin.rules.limits import Limits
from twin.rules.threshold import Threshold

type Rule = Threshold | Limits | Calendar | ClusterRule | Fence
_RULE: TypeAdapter[Rule] = TypeAdapter(Annotated[Rule, Field(discriminator="kind")])


def read_rule(path: Path) -> Rule:
    """Read the file of a rule.

    Raises
    ------
    BadInput
        When the file is too large, not YAML, or not a rule; the message names the file and the fault.
    """
    return read_definition(path, _RULE, "a rule")


def check_together(rules: Mapping[str, Rule]) -> dict[str, str]:
    """Return the faults between rules, by name: a table of limits without its calendar."""
    calendars = {name for name, rule in rules.items() if isinstance(rule, Calendar)}
    return {
        name: f"there is no calendar '{rule.calendar}'; there are {', '.join(sorted(calendars)) or 'none'}"
        for name, rule in rules.items()
        if isinstance(rule, Limits) and rule.calendar not in calendars
    }
