"""The options, the progress and the summary of a load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """The progress of a load: rows read so far, their part of the source (None: unknown), and the present stage."""

    read: int
    fraction: float | None
    stage: Literal["reading", "moving"] = "reading"


@dataclass(slots=True)
class LoadSummary:
    """The numbers and notes of a load.

    Attributes
    ----------
    read
        Rows (features) of the source: `loaded` plus all of `rejected`.
    repaired, rejected
        Repairs by kind (a row may have several), refused rows by reason.
    ignored
        Columns that filled no field.
    id_column
        The column that names the features; None where their ids are made of the content.
    new_layer, ungraded
        Whether the layer was made from this file, and whether neither the user nor the file gave a grade then.
    load_id
        Id of the load in `onemap.load`, which its quarantined rows refer to.
    """

    layer: str
    source: str
    format: str
    mode: str
    read: int = 0
    loaded: int = 0
    repaired: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    id_column: str | None = None
    new_layer: bool = False
    ungraded: bool = False
    load_id: int | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """A user's declarations of a source; kept with the load, so that its quarantined rows can be loaded again alike.

    Attributes
    ----------
    crs
        ``auto`` (the file's own, else CGCS2000 degrees), ``EPSG:n``, ``gcj02``, ``bd09``.
    mapping
        Field to column: `id` may be a field, and `lon`, `lat`, `x`, `y`, `wkt` name a table's coordinates.
    grade
        Data grade 1 to 4 of the rows; by default the layer's own, and 3 for a new one. A column `data_grade` gives it
        row by row.
    encoding, source_layer
        Of the source, detected by default.
    fixes
        Faults of coordinates to correct (`layers.load.coordinate_checks.FIXES`).
    anywhere, no_geometry, lower_grades
        Whether features may lie outside the district; whether the rows have no place, and columns of coordinates are
        fields; whether existing features may get a lower grade.
    """

    crs: str = "auto"
    mapping: Mapping[str, str] = field(default_factory=dict)
    grade: int | None = None
    encoding: str | None = None
    source_layer: str | None = None
    fixes: frozenset[str] = frozenset()
    anywhere: bool = False
    no_geometry: bool = False
    lower_grades: bool = False
