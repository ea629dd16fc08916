"""The area that an overview is of, and the areas below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import EMPTY, Clause, bind, compose
from layers.errors import BadInput, NotFound, TooMuch
from layers.moment import Moment
from layers.read.relation import relation
from layers.read.rights import in_areas, layer_at, plain_fields, scoped, unbound
from layers.tiers import AREA_CODE, AREA_DIGITS, GRID, GRID_CODE, TIERS, Tier, in_force, lying_in, parse_code

AREAS_MAX = 5_000
TIER_NAMES = tuple(tier.name for tier in TIERS)


@dataclass(frozen=True, slots=True)
class NamedArea:
    """An area of a tier: its code, the id of its feature, its name, and west, south, east, north in degrees."""

    code: str
    id: str
    name: str | None
    bbox: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class OverviewPlace:
    """What an overview is of.

    Attributes
    ----------
    tier, area
        The area; both None for everything that the reader sees.
    below
        The tier of the areas below; None below a grid, and where the reader sees no such areas.
    children
        The areas below, by code.
    """

    tier: Tier | None
    area: NamedArea | None
    below: Tier | None
    children: Sequence[NamedArea]

    def lies_inside(self, layer: Layer, actor: Actor, *, from_above: bool = False) -> Clause | None:
        """Return the condition of the features in the area; None when the reader may not see where features lie.

        Parameters
        ----------
        from_above
            Whether those count too that are of an area above as a whole.
        """
        if self.area is None:
            return EMPTY
        known = _shown(layer, actor)
        needs = GRID_CODE if self.tier is GRID else None
        if not known or (needs and needs not in known):
            return None
        inside = in_areas((self.area.code,), known)
        if not from_above or AREA_CODE not in known:
            return inside
        above = [
            self.area.code[: tier.digits].ljust(AREA_DIGITS, "0")
            for tier in TIERS
            if tier.digits < min(len(self.area.code), AREA_DIGITS)
        ]
        whole = f"rpad(f.{AREA_CODE}, {AREA_DIGITS}, '0') = ANY ({{}})"
        return compose(f"(({{}}) OR {whole})", inside, bind(above, "text[]"))

    def key(self, layer: Layer, actor: Actor) -> str | None:
        """Return the SQL of the code of a feature's area below, over alias `f`; None where it cannot be told."""
        known = _shown(layer, actor)
        if self.below is None or not known:
            return None
        if self.below is GRID:
            return f"f.{GRID_CODE}" if GRID_CODE in known else None
        area, grid = (f"f.{name}" if name in known else None for name in (AREA_CODE, GRID_CODE))
        code = lying_in(area, grid)
        return code if self.below.digits == AREA_DIGITS else f"left({code}, {self.below.digits})"


def _shown(layer: Layer, actor: Actor) -> frozenset[str]:
    return frozenset(plain_fields(layer, actor).keys() & {AREA_CODE, GRID_CODE})


def check_tiers(code: str | None, by: str | None) -> tuple[Tier | None, str | None]:
    """Return the tier of an area's code and the code without padding; both None for no area.

    Raises
    ------
    NotFound
        When no tier has such codes.
    BadInput
        When `by` is no tier, or none below the area.
    """
    parsed = None if code is None else parse_code(code)
    if code is not None and parsed is None:
        raise NotFound(
            f"there is no area '{code[:20]}'; a code has 6 (district), 9 (street), 12 (community) or 15 (grid) digits",
            parameter="area",
        )
    tier, short = parsed or (None, None)
    below = TIER_NAMES[0 if tier is None else TIERS.index(tier) + 1 :]
    if by is not None and by not in below:
        raise BadInput(f"by is '{by[:40]}'; below this area are {', '.join(below) or 'no areas'}", parameter="by")
    return tier, short


async def find_place(
    connection: asyncpg.Connection,
    catalog: Catalog,
    actor: Actor,
    moment: Moment | None,
    *,
    code: str | None,
    by: str | None,
) -> OverviewPlace:
    """Return the place of an overview.

    Parameters
    ----------
    code
        Of the area; None is everything.
    by
        The name of the tier of the areas below; None is the next one, and below everything the streets where there is
        one district.

    Raises
    ------
    NotFound, BadInput
        As `check_tiers`; NotFound also for an area that does not exist or is hidden.
    TooMuch
        When there are more than `AREAS_MAX` areas below.
    """
    tier, short = check_tiers(code, by)
    area = None
    if tier is not None and short is not None:
        found = await _areas(connection, catalog, actor, moment, tier, short)
        area = next((one for one in found if one.code == short), None)
        if area is None:
            raise NotFound(f"there is no {tier.name} '{short}' that you may see", parameter="area")
    below = TIERS[0 if tier is None else TIERS.index(tier) + 1 :]
    if by is not None:
        below = tuple(one for one in below if one.name == by)
    for one in below[:2] if area is None and by is None else below[:1]:
        children = await _areas(connection, catalog, actor, moment, one, short)
        if area is not None or by is not None or len(children) > 1 or one is not TIERS[0]:
            return OverviewPlace(tier, area, one if children else None, children)
    return OverviewPlace(tier, area, None, ())


async def _areas(
    connection: asyncpg.Connection,
    catalog: Catalog,
    actor: Actor,
    moment: Moment | None,
    tier: Tier,
    inside: str | None,
) -> list[NamedArea]:
    """Return the areas of a tier in force whose codes begin with a code, by code; none of a layer that is hidden."""
    reader = unbound(actor)
    layer = catalog.find(tier.layer_id, reader)
    if layer is None:
        return []
    layer = layer_at(layer, reader, moment)
    begins = Clause("TRUE") if inside is None else compose(f"{tier.own_code} ^@ {{}}", bind(inside, "text"))
    statement = compose(
        f"""SELECT {tier.own_code} AS code, f.id, f.name,
            ARRAY[ST_XMin(f.geom), ST_YMin(f.geom), ST_XMax(f.geom), ST_YMax(f.geom)] AS bbox
        FROM {{}} WHERE {{}}
        ORDER BY {tier.own_code} COLLATE "C" LIMIT {AREAS_MAX + 1}""",
        relation(layer, reader),
        scoped(layer, reader, begins, in_force()),
    )
    text, values = statement.render()
    rows = await connection.fetch(text, *values)
    if len(rows) > AREAS_MAX:
        raise TooMuch(f"there are more than {AREAS_MAX} areas of this tier; name an area", parameter="by")
    return [NamedArea(row["code"], row["id"], row["name"], _bbox(row["bbox"])) for row in rows]


def _bbox(sides: Sequence[float | None]) -> tuple[float, float, float, float] | None:
    west, south, east, north = sides
    if west is None or south is None or east is None or north is None:
        return None  # an area without a surface
    return west, south, east, north
