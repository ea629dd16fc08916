"""From a file to a layer: read, check, repair, stage, and move in one transaction; refused rows are quarantined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layers.load.file import load_file
    from layers.load.outcome import LoadOptions, LoadProgress, LoadSummary

__all__ = ["LoadOptions", "LoadProgress", "LoadSummary", "load_file"]


def __getattr__(name: str) -> Any:
    """Import the loaders at the first load: pandas would cost half a second in every process that only checks files."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from layers.load import file  # noqa: PLC0415  # see above

    return getattr(file, name)
