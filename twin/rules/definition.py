"""A rule is data: a file in `config/rules/`, of one of five kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from layers.errors import BadInput
from twin.fences.definition import Fence
from twin.rules.calendar import Calendar
from twin.rules.cluster import ClusterRule
from twin.rules.limits import Limits
from twin.rules.threshold import Threshold

FILE_BYTES_MAX = 256 * 1024

type Rule = Threshold | Limits | Calendar | ClusterRule | Fence
_RULE: TypeAdapter[Rule] = TypeAdapter(Annotated[Rule, Field(discriminator="kind")])


def read_rule(path: Path) -> Rule:
    """Read the file of a rule.

    Raises
    ------
    BadInput
        When it is too large, not YAML, or not a rule; the message names the file and the fault.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadInput(f"{path.name} is larger than {FILE_BYTES_MAX} bytes", parameter=path.name)
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path.name} is not YAML: {error}", parameter=path.name) from error
    try:
        rule = _RULE.validate_python(raw)
    except ValidationError as error:
        raise BadInput(f"{path.name} is not a rule: {_explain(error)}", parameter=path.name) from error
    if rule.name != path.stem:
        raise BadInput(f"{path.name} defines '{rule.name}'; file and rule must be named alike", parameter=path.name)
    return rule


def check_together(rules: Mapping[str, Rule]) -> dict[str, str]:
    """Return what is wrong between rules, by name: a table whose calendar is not there."""
    calendars = {name for name, rule in rules.items() if isinstance(rule, Calendar)}
    return {
        name: f"there is no calendar '{rule.calendar}'; there are {', '.join(sorted(calendars)) or 'none'}"
        for name, rule in rules.items()
        if isinstance(rule, Limits) and rule.calendar not in calendars
    }


def _explain(error: ValidationError) -> str:
    problems: list[Any] = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg']}" for p in problems[:10])
