"""The reference system of a source, as its file or its user declares it; it is never guessed."""

from __future__ import annotations

from dataclasses import dataclass

from layers.coordinates.crs import STORED_SRID, srid_of, transformer
from layers.coordinates.datum import Datum, parse_datum
from layers.errors import BadCrs


@dataclass(frozen=True, slots=True)
class SourceCrs:
    """What a source's coordinates are: an EPSG code, in x, y order, and a shifted datum on top where there is one."""

    srid: int
    datum: Datum | None = None

    @property
    def name(self) -> str:
        """What `crs_source` says of it; a system that is none of the code list's is ``unknown``."""
        if self.datum:
            return self.datum.upper()
        return {4326: "WGS84", 3857: "WGS84"}.get(self.srid, "CGCS2000" if 4479 <= self.srid <= 4554 else "unknown")

    @property
    def declaration(self) -> str:
        """How `parse_source_crs` reads it again."""
        return self.datum or f"EPSG:{self.srid}"

    @property
    def degrees(self) -> bool:
        """Whether the coordinates are longitudes and latitudes."""
        if self.srid in (4326, STORED_SRID):
            return True
        source = transformer(self.srid, STORED_SRID).source_crs
        return source is None or source.is_geographic


def parse_source_crs(text: str, said_by_file: str | None = None, unread: str | None = None) -> SourceCrs:
    """Read what a user declares of a source.

    Parameters
    ----------
    text
        ``auto``, ``gcj02``, ``bd09``, ``EPSG:4547`` or any definition PROJ reads. ``auto`` is what the file says, and
        CGCS2000 degrees where it says nothing.
    said_by_file
        The file's own declaration.
    unread
        What the file declares and nobody can read: then ``auto`` is no answer.

    Raises
    ------
    BadCrs
        When PROJ does not know it, or it has no EPSG code.
    """
    plain = text.strip().lower().replace("-", "")
    if plain == "auto" and unread:
        raise BadCrs(
            f"the file declares a reference system that cannot be read: '{unread[:80]}'; say --crs: gcj02, bd09 or an "
            "EPSG code",
            parameter="crs",
        )
    if plain == "auto":
        return SourceCrs(srid_of(said_by_file) if said_by_file else STORED_SRID)
    if datum := parse_datum(plain):
        return SourceCrs(4326, datum)
    try:
        source = SourceCrs(srid_of(text.strip()))
        transformer(source.srid, STORED_SRID)
    except BadCrs as error:
        raise BadCrs(
            f"crs is '{text[:60]}'; allowed are auto, gcj02, bd09 and EPSG codes: {error}", parameter="crs"
        ) from error
    return source
