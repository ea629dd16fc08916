"""The tiers of administrative areas, from district to grid: their layers, code fields and the digits of their codes.

A code begins with the code of the area above: 440106 is a district, 440106011 a street, 440106011001 a community and
440106011001001 a grid. A feature's `area_code` has the 12 digits of a community; zeros pad the code of a street or a
district. Its `grid_code` is apart, because a place may lie in an area and in no grid.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from layers.clause import Clause

AREA_CODE, GRID_CODE = "area_code", "grid_code"
"""The fields of a feature that say where it lies."""
URBAN_VILLAGES = "urban_villages"
"""The layer of the areas that cross the tiers: a village overlaps several grids."""
_PADDING = "000"  # for the digits of one tier
_VALIDITY = ("superseded_at", "valid_to")


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier of areas.

    Attributes
    ----------
    name
        One such area, as clients name it: ``grid``.
    layer_id
        The layer of the areas.
    code_field
        The field that holds an area's code; where it is null, the id is the code.
    digits
        Length of the code.
    """

    name: str
    layer_id: str
    code_field: str
    digits: int

    @property
    def own_code(self) -> str:
        """The code of an area, as SQL over alias `f`."""
        return f"coalesce(f.{self.code_field}, f.id)"

    def code_of_feature(self, alias: str = "f") -> str:
        """Return the code of the area a feature lies in, as SQL over its `area_code` and `grid_code`."""
        if self.digits > AREA_DIGITS:
            return f"{alias}.{GRID_CODE}"
        area_code = f"{alias}.{AREA_CODE}"
        return area_code if self.digits == AREA_DIGITS else f"left({area_code}, {self.digits})"


AREA_DIGITS = 12
"""Digits of an `area_code`; a longer code is a grid's."""


def lying_in(area_code: str | None, grid_code: str | None) -> str:
    """Return the SQL of the area that a row lies in, by the bytes of its code: of its own, or else of its grid's.

    Parameters
    ----------
    area_code, grid_code
        The columns; None where there is none of the two.
    """
    of_grid = f"left({grid_code}, {AREA_DIGITS})" if grid_code else ""
    own = f"coalesce(nullif({area_code}, ''), {of_grid})" if area_code and grid_code else area_code or of_grid
    return f'({own} COLLATE "C")'


DISTRICT = Tier("district", "districts", "district_code", 6)
STREET = Tier("street", "streets", "street_code", 9)
COMMUNITY = Tier("community", "communities", "community_code", AREA_DIGITS)
GRID = Tier("grid", "grids", "grid_code", 15)
TIERS = (DISTRICT, STREET, COMMUNITY, GRID)
COARSE_TIERS = (COMMUNITY, STREET, DISTRICT)
"""The tiers that an `area_code` may name, the finest first."""
TIER_OF_LAYER = {tier.layer_id: tier for tier in TIERS}
_TIER_OF_DIGITS = {tier.digits: tier for tier in TIERS}


def is_grid_code(code: str | None) -> bool:
    """Whether a grid's code has 15 digits, of which the first 12 are the code of its community."""
    return code is not None and len(code) == GRID.digits and code.isascii() and code.isdigit()


def pad_area_code(code: str) -> str:
    """Pad the code of a district or street to the digits of an `area_code`."""
    return code.ljust(AREA_DIGITS, "0")


def padded(expression: str) -> str:
    """Return the SQL that pads a code as `pad_area_code` does."""
    return f"rpad({expression}, {AREA_DIGITS}, '0')"


def parse_code(code: str) -> tuple[Tier, str] | None:
    """Return the tier of an area code and the code without padding; None when no tier has such codes.

    Examples
    --------
    >>> tier, short = parse_code("440106011000")
    >>> tier.name, short
    ('street', '440106011')
    """
    if not (code.isascii() and code.isdigit()):
        return None
    short = code.removesuffix(_PADDING).removesuffix(_PADDING) if len(code) == AREA_DIGITS else code
    tier = _TIER_OF_DIGITS.get(len(short))
    return None if tier is None else (tier, short)


def split_area_code(code: str | None) -> tuple[str | None, str | None, str | None]:
    """Return the codes of the district, street and community in a padded `area_code`; None for each it does not name.

    Examples
    --------
    >>> split_area_code("440106011000")
    ('440106', '440106011', None)
    """
    if code is None:
        return None, None, None
    street = code[: STREET.digits]
    return (
        code[: DISTRICT.digits],
        street if street[DISTRICT.digits :] != _PADDING else None,
        code if code[STREET.digits :] != _PADDING else None,
    )


def in_force(known: Container[str] = _VALIDITY) -> Clause:
    """Return the condition over alias `f` of areas that are in force: neither superseded nor past their end.

    Parameters
    ----------
    known
        Names of the layer's fields; a layer without such fields keeps no versions, and its condition is empty.
    """
    parts = []
    if "superseded_at" in known:
        parts.append("f.superseded_at IS NULL")
    if "valid_to" in known:
        parts.append("(f.valid_to IS NULL OR f.valid_to > now())")
    return Clause(" AND ".join(parts))
