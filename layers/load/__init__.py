"""From a file to a layer: read, check, repair, stage, and move in one transaction; what cannot go in is quarantined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layers.load.file import load_file
    from layers.load.outcome import LoadOptions, LoadProgress, LoadSummary

__all__ = ["LoadOptions", "LoadProgress", "LoadSummary", "load_file"]


def __getattr__(name: str) -> Any:
    """Import what loads files when somebody loads one: pandas costs every process half a second that only checks."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from layers.load import file  # noqa: PLC0415  # see above

    return getattr(file, name)
