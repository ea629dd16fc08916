"""Common names of columns for a field, besides its own name and titles; a district adds its own.

The list is data: ``definitions/_columns.yaml``, and a file of the same name and shape in the folder of the district's
own layers, whose names come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from layers.errors import BadInput

FILE = "_columns.yaml"
BUILT_IN = Path(__file__).parents[1] / "definitions" / FILE
COORDINATES = ("lon", "lat", "x", "y", "wkt")
_SECTIONS = ("coordinates", "fields", "layers", "new")

type Names = Mapping[str, tuple[str, ...]]  # field to the names of columns

_district: Path | None = None


def use_district_columns(folder: Path | None) -> None:
    """Use the names in the folder of a district's own layers, in this process; None uses none.

    Parameters
    ----------
    folder
        The folder; it, and the list in it, may be missing.
    """
    global _district  # noqa: PLW0603  # a process serves one district, see district_crs.py
    _district = folder / FILE if folder else None


def common_names(field: str, layer: str | None = None) -> tuple[str, ...]:
    """Return the usual names of columns for a field, or for a coordinate (`lon`, `lat`, `x`, `y`, `wkt`).

    Parameters
    ----------
    layer
        The layer of the field; None for coordinates.

    Raises
    ------
    BadInput
        When a list cannot be read; the message names the file.
    """
    read = _all()
    if layer is None:
        return read["coordinates"].get(field, ())
    return (*read.get(f"layers.{layer}", {}).get(field, ()), *read["fields"].get(field, ()))


def names_for_new_layers() -> dict[str, str]:
    """Return column name to field name, for layers whose definition is inferred from a file."""
    read = _all()
    return {name: field for section in ("fields", "new") for field, names in read[section].items() for name in names}


def _all() -> dict[str, Names]:
    """Read both lists; the district's again when it has changed."""
    changed_ns = _district.stat().st_mtime_ns if _district and _district.is_file() else None
    return _merge(_district if _district and changed_ns else BUILT_IN, changed_ns)


@lru_cache(maxsize=1)
def _merge(first: Path, _changed_ns: int | None) -> dict[str, Names]:
    sections: dict[str, dict[str, tuple[str, ...]]] = {"coordinates": {}, "fields": {}, "new": {}}
    for path in dict.fromkeys((first, BUILT_IN)):
        for section, names in _read(path).items():
            into = sections.setdefault(section, {})
            for field, some in names.items():
                into[field] = (*into.get(field, ()), *some)
    return dict(sections)


def _read(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read one list; the section `layers` becomes one section a layer."""
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        unknown = sorted(set(content) - set(_SECTIONS))
        if unknown:
            raise BadInput(f"{path} has '{unknown[0]}'; allowed are {', '.join(_SECTIONS)}", parameter=path.name)
        layers = {f"layers.{layer}": fields or {} for layer, fields in (content.pop("layers", None) or {}).items()}
        read = {section: names or {} for section, names in (content | layers).items()}
        return {s: {f: [str(one) for one in some] for f, some in names.items()} for s, names in read.items()}
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read: {error}", parameter=path.name) from error
