"""Sources of settings: putting one over another, and faults in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Put the values of a stronger source over those of a weaker one, section by section; None is no value."""
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            merge(into.setdefault(key, {}), value)
        elif value is not None:
            into[key] = value


def in_words(error: ValidationError) -> str:
    """Return what is wrong with settings, each with its name."""
    parts = []
    for problem in error.errors(include_url=False, include_input=False):
        reason = "there is no such setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        parts.append(f"{'.'.join(map(str, problem['loc']))}: {reason}")
    return "settings: " + "; ".join(parts)
