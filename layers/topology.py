"""Whether areas tile the area above them: grids their community, communities their street."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from layers.clause import quote_identifier
from layers.tables import table_of

_SQL = Path(__file__).parent / "sql"
TOLERANCE_M = 0.5


@dataclass(frozen=True, slots=True)
class Tiling:
    """A layer whose areas must fill those of another without gap or overlap.

    Attributes
    ----------
    code_length
        How many leading characters of a part's code are the code of its whole.
    """

    parts: str
    part_code: str
    wholes: str
    whole_code: str
    code_length: int


GRIDS_IN_COMMUNITIES = Tiling("grids", "grid_code", "communities", "community_code", 12)
COMMUNITIES_IN_STREETS = Tiling("communities", "community_code", "streets", "street_code", 9)
STREETS_IN_DISTRICTS = Tiling("streets", "street_code", "districts", "district_code", 6)
TILINGS = (GRIDS_IN_COMMUNITIES, COMMUNITIES_IN_STREETS, STREETS_IN_DISTRICTS)


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where areas do not tile.

    Attributes
    ----------
    kind
        `gap`: no part there; `overlap`: two parts; `outside`: parts reach out of the whole; `orphan`: a part whose
        code names no whole.
    whole_code, part_codes
        The area above, and the two parts of an overlap or the orphan.
    area_m2
        Area of the fault in EPSG:4547; 0 for an orphan.
    """

    kind: Literal["gap", "overlap", "outside", "orphan"]
    whole_code: str
    part_codes: tuple[str, ...]
    area_m2: float


async def tiling_faults(
    connection: asyncpg.Connection, tiling: Tiling, *, tolerance_m: float = TOLERANCE_M
) -> list[Fault]:
    """Find every gap and overlap that is somewhere wider than a tolerance.

    Parameters
    ----------
    connection
        In the owner's or the ingest role (temporary tables are made); joins a transaction that is already open.
    tiling
        Which layer must fill which.
    tolerance_m
        Width in metres up to which a fault is a matter of digitising.

    Returns
    -------
    list of Fault
        Empty when all is well, and when both layers are empty.
    """
    async with connection.transaction():
        await connection.execute(_tables(tiling))
        orphans = await connection.fetch(
            """SELECT p.whole_code, p.code FROM topology_part AS p
            WHERE NOT EXISTS (SELECT FROM topology_whole AS w WHERE w.code = p.whole_code) ORDER BY p.code"""
        )
        overlaps = await connection.fetch(_read("topology_overlaps"), tolerance_m)
        gaps = await connection.fetch(_read("topology_gaps"), tolerance_m)
        await connection.execute("DROP TABLE topology_part; DROP TABLE topology_whole")
    return [
        *(Fault("orphan", row["whole_code"], (row["code"],), 0.0) for row in orphans),
        *(Fault("overlap", row["whole_code"], tuple(row["part_codes"]), row["area_m2"]) for row in overlaps),
        *(Fault(row["kind"], row["whole_code"], (), row["area_m2"]) for row in gaps),
    ]


def _tables(tiling: Tiling) -> str:
    """Both layers in metres; boundaries that are no longer in force are left out."""
    in_force = "superseded_at IS NULL AND (valid_to IS NULL OR valid_to > now())"
    part_code = f"coalesce({quote_identifier(tiling.part_code)}, id)"
    whole_code = f"coalesce({quote_identifier(tiling.whole_code)}, id)"
    return f"""
        CREATE TEMP TABLE topology_part ON COMMIT DROP AS
        SELECT {part_code} AS code, left({part_code}, {tiling.code_length}) AS whole_code,
            ST_Transform(geom, 4547) AS geom
        FROM {table_of(tiling.parts)} WHERE {in_force};
        CREATE INDEX ON topology_part USING gist (geom);
        CREATE TEMP TABLE topology_whole ON COMMIT DROP AS
        SELECT left({whole_code}, {tiling.code_length}) AS code, ST_Transform(geom, 4547) AS geom
        FROM {table_of(tiling.wholes)} WHERE {in_force};
        ANALYZE topology_part, topology_whole"""


def _read(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
