"""How many people live on a piece of ground: by the buildings there, or else by the share of the community.

Everything is computed of the numbers that the reader sees one by one. Where all buildings of a community that stand on
the ground have a number, each counts by the part of it that stands there; otherwise the community's own number counts
by the part of it that lies there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import GEOMETRY, Clause, all_of, bind, compose
from layers.errors import TooMuch
from layers.read.relation import relation
from layers.read.rights import rights_at, scoped
from layers.tiers import AREA_CODE, COMMUNITY, in_force
from layers.types import Json
from twin.surroundings.computed import ComputedFeatures
from twin.surroundings.ground import Ground
from twin.surroundings.places import plain_value

BUILDINGS, COMMUNITIES = "buildings", COMMUNITY.layer_id
COMMUNITIES_MAX = 1_000
_NEARLY_WHOLE = 0.999  # of the ground, in communities: their edges are drawn with seven decimals

type PopulationMethod = Literal["buildings_by_area", "community_by_area", "unknown"]


@dataclass(frozen=True, slots=True)
class CommunityPart:
    """The part of a community that lies on the ground.

    Attributes
    ----------
    share
        Of the community's surface.
    of_ground
        The same part as a share of the ground.
    people
        None where nobody that the reader sees has a number.
    """

    id: str
    share: float
    of_ground: float
    people: float | None
    method: PopulationMethod
    buildings: int | None

    @property
    def properties(self) -> Json:
        """What is computed of the community."""
        return {
            "people": None if self.people is None else round(self.people, 1),
            "method": self.method,
            "share": round(self.share, 4),
            "buildings": self.buildings,
        }


@dataclass(frozen=True, slots=True)
class GroundPopulation:
    """How many people live on a piece of ground, community by community, in the order of their ids."""

    parts: Sequence[CommunityPart]

    @property
    def people(self) -> int | None:
        """Their number, as far as it is known; None where nothing is."""
        known = [part.people for part in self.parts if part.people is not None]
        return round(sum(known)) if known else None

    @property
    def method(self) -> str:
        """The methods that were used, joined by a plus."""
        used = sorted({part.method for part in self.parts} - {"unknown"})
        return "+".join(used) or "unknown"

    @property
    def is_whole(self) -> bool:
        """Whether the ground lies in communities, and each has a number."""
        covered = sum(part.of_ground for part in self.parts)
        return covered >= _NEARLY_WHOLE and all(part.people is not None for part in self.parts)

    @property
    def computed(self) -> ComputedFeatures:
        """The communities with what is computed of them."""
        return ComputedFeatures(
            (COMMUNITIES,) * len(self.parts),
            tuple(part.id for part in self.parts),
            tuple(part.properties for part in self.parts),
            self.is_whole,
        )


async def population_of(
    connection: asyncpg.Connection, actor: Actor, ground: Ground, communities: Layer, buildings: Layer | None
) -> GroundPopulation:
    """Return how many people live on a piece of ground.

    Parameters
    ----------
    communities, buildings
        The layers as of the moment of the question; None for who may not see buildings.

    Raises
    ------
    TooMuch
        When the ground lies in more than `COMMUNITIES_MAX` communities.
    """
    text, values = communities_clause(communities, actor, ground).render()
    rows = await connection.fetch(text, *values)
    if len(rows) > COMMUNITIES_MAX:
        raise TooMuch(f"this lies in more than {COMMUNITIES_MAX} communities; ask for less ground", parameter="area")
    counted: Mapping[str, asyncpg.Record] = {}
    if buildings is not None and _has_numbers(buildings, actor):
        text, values = buildings_clause(buildings, actor, ground, [row["code"] for row in rows]).render()
        counted = {row["code"]: row for row in await connection.fetch(text, *values)}
    return GroundPopulation([_part(row, counted.get(row["code"])) for row in rows])


def _has_numbers(buildings: Layer, actor: Actor) -> bool:
    """Whether an actor sees where buildings are: their shares are computed of their shapes."""
    return all(case.geometry == "full" for case in rights_at(buildings, actor).cases)


def communities_clause(layer: Layer, actor: Actor, ground: Ground) -> Clause:
    """Build the statement: rows `id, code, people, share, of_ground` of the communities on the ground."""
    people = plain_value(layer, actor, "population_resident", "float8")
    where = all_of((_on(ground), in_force()))
    common = compose("ST_Area(ST_Intersection(f.geom, {}))", ground.geometry)
    return compose(
        f"""SELECT f.id, {COMMUNITY.own_code} AS code, {people} AS people,
            {{}} / nullif(ST_Area(f.geom), 0) AS share, {{}} / ST_Area({{}}) AS of_ground
        FROM {{}} WHERE {{}} ORDER BY f.id LIMIT {COMMUNITIES_MAX + 1}""",
        common,
        common,
        ground.geometry,
        relation(layer, actor, where),
        scoped(layer, actor, where),
    )


def buildings_clause(layer: Layer, actor: Actor, ground: Ground, codes: Sequence[str]) -> Clause:
    """Build the statement: rows `code, buildings, known, people, elsewhere` of the buildings of some communities.

    `buildings` stand on the ground, `known` of them have a number, and so has a building `elsewhere`.
    """
    people, code = (plain_value(layer, actor, *one) for one in (("population", "float8"), (AREA_CODE, "text")))
    where = compose(f"{code} = ANY ({{}})", bind(list(codes), "text[]"))
    stands = compose("({})", _on(ground))
    share = compose(
        "CASE WHEN ST_CoveredBy(f.geom, {}) THEN 1"
        " ELSE ST_Area(ST_Intersection(f.geom, {})) / nullif(ST_Area(f.geom), 0) END",
        ground.geometry,
        ground.geometry,
    )
    return compose(
        f"""SELECT b.code, count(*) FILTER (WHERE b.stands) AS buildings,
            count(b.people) FILTER (WHERE b.stands) AS known,
            sum(b.people * b.share) AS people, bool_or(b.people IS NOT NULL) AS elsewhere
        FROM (SELECT f.code, f.people, f.stands, CASE WHEN f.stands THEN {{}} END AS share
            FROM (SELECT {code} AS code, {people} AS people, f.geom, {{}} AS stands FROM {{}} WHERE {{}} OFFSET 0) AS f
        ) AS b GROUP BY b.code""",
        share,
        stands,
        relation(layer, actor, where),
        scoped(layer, actor, where),
    )


def _on(ground: Ground) -> Clause:
    where = "{} && {} AND ST_Intersects({}, {}) AND NOT ST_Touches({}, {})"
    return compose(where, *(GEOMETRY, ground.geometry) * 3)


def _part(community: asyncpg.Record, counted: asyncpg.Record | None) -> CommunityPart:
    """Return the part of a community, by the buildings where all of them have a number."""
    share = float(community["share"] or 0)
    buildings = None if counted is None else int(counted["buildings"])
    people: float | None = None if community["people"] is None else community["people"] * share
    method: PopulationMethod = "unknown" if people is None else "community_by_area"
    if counted is not None and counted["elsewhere"] and counted["known"] == counted["buildings"]:
        people, method = float(counted["people"] or 0), "buildings_by_area"
    return CommunityPart(community["id"], share, float(community["of_ground"]), people, method, buildings)
