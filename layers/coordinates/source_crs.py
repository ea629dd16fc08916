"""The reference system of a source, as its file or its user declares it, never guessed."""

from __future__ import annotations

from dataclasses import dataclass

from layers.coordinates.crs import STORED_SRID, srid_of, transformer
from layers.coordinates.datum import Datum, parse_datum
from layers.errors import BadCrs


@dataclass(frozen=True, slots=True)
class SourceCrs:
    """The system of a source's coordinates: an EPSG code, in x, y order, and a shifted datum where there is one."""

    srid: int
    datum: Datum | None = None

    @property
    def name(self) -> str:
        """Its value of `crs_source`; ``unknown`` for a system that the code list has not."""
        if self.datum:
            return self.datum.upper()
        return {4326: "WGS84", 3857: "WGS84"}.get(self.srid, "CGCS2000" if 4479 <= self.srid <= 4554 else "unknown")

    @property
    def declaration(self) -> str:
        """The text that `parse_source_crs` parses to it."""
        return self.datum or f"EPSG:{self.srid}"

    @property
    def degrees(self) -> bool:
        """Whether the coordinates are longitudes and latitudes."""
        if self.srid in (4326, STORED_SRID):
            return True
        source = transformer(self.srid, STORED_SRID).source_crs
        return source is None or source.is_geographic


def parse_source_crs(text: str, of_file: str | None = None, unread: str | None = None) -> SourceCrs:
    """Parse a user's declaration of a source.

    Parameters
    ----------
    text
        ``auto``, ``gcj02``, ``bd09``, ``EPSG:4547`` or any definition PROJ reads. ``auto`` is the file's declaration,
        and CGCS2000 degrees for a file without one.
    of_file
        The file's own declaration.
    unread
        A declaration of the file that PROJ cannot read: then ``auto`` is refused.

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
        return SourceCrs(srid_of(of_file) if of_file else STORED_SRID)
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
