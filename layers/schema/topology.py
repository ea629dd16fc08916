"""Whether areas tile the area above them, grids their community, communities their street, and carry its code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from layers.clause import quote_identifier
from layers.schema.tables import table_of

_SQL = Path(__file__).parent / "queries"
TOLERANCE_M = 0.5
PLACES_NAMED = 3
type FaultKind = Literal["gap", "overlap", "outside", "orphan", "foreign", "malformed"]
_WORDS: dict[FaultKind, str] = {
    "gap": "空隙 gap",
    "overlap": "重叠 overlap",
    "outside": "越界 outside",
    "orphan": "无上级 without a parent",
    "foreign": "外区代码 code of another district",
    "malformed": "代码格式不符 malformed code",
}


@dataclass(frozen=True, slots=True)
class Tiling:
    """A layer whose areas must fill those of another without gap or overlap.

    Attributes
    ----------
    part_length, code_length
        How many digits a part's code has, and how many of them, from the left, are the code of its whole.
    """

    parts: str
    part_code: str
    wholes: str
    whole_code: str
    code_length: int
    part_length: int


GRIDS_IN_COMMUNITIES = Tiling("grids", "grid_code", "communities", "community_code", 12, 15)
COMMUNITIES_IN_STREETS = Tiling("communities", "community_code", "streets", "street_code", 9, 12)
STREETS_IN_DISTRICTS = Tiling("streets", "street_code", "districts", "district_code", 6, 9)
TILINGS = (GRIDS_IN_COMMUNITIES, COMMUNITIES_IN_STREETS, STREETS_IN_DISTRICTS)
TIERS = frozenset(layer for tiling in TILINGS for layer in (tiling.parts, tiling.wholes))


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where areas do not tile.

    Attributes
    ----------
    kind
        `gap`: no part there; `overlap`: two parts; `outside`: parts reach out of the whole; `orphan`: a part whose
        code names no whole; `foreign`: its code belongs to a district that is not here; `malformed`: its code has not
        the digits of its kind.
    whole_code, part_codes
        The area above, and the two parts of an overlap or the orphan.
    area_m2
        Area of the fault in the measuring plane; 0 where the code is at fault.
    lonlat
        A place in the fault, longitude and latitude in degrees of CGCS2000.
    """

    kind: FaultKind
    whole_code: str
    part_codes: tuple[str, ...]
    area_m2: float
    lonlat: tuple[float, float]


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
        misnamed = await connection.fetch(_read("topology_codes"), tiling.part_length)
        overlaps = await connection.fetch(_read("topology_overlaps"), tolerance_m)
        gaps = await connection.fetch(_read("topology_gaps"), tolerance_m)
        await connection.execute("DROP TABLE topology_part, topology_whole, topology_district")
    return [
        *(_fault(row, row["kind"], (row["code"],)) for row in misnamed),
        *(_fault(row, "overlap", tuple(row["part_codes"])) for row in overlaps),
        *(_fault(row, row["kind"], ()) for row in gaps),
    ]


def _fault(row: asyncpg.Record, kind: FaultKind, part_codes: tuple[str, ...]) -> Fault:
    return Fault(kind, row["whole_code"], part_codes, row["area_m2"], (row["lon"], row["lat"]))


async def topology_notes(connection: asyncpg.Connection, layer: str | None = None) -> list[str]:
    """Look at every tiling of loaded layers, or at those a layer takes part in, and say what is wrong.

    Parameters
    ----------
    connection
        As for `tiling_faults`.
    layer
        Id of a layer; one that takes part in no tiling has no faults. None looks at all.

    Returns
    -------
    list of str
        Sentences of `in_words`; empty when all is well. A layer that is empty is not there yet: nothing lacks it.
    """
    notes: list[str] = []
    for tiling in TILINGS:
        if layer not in (None, tiling.parts, tiling.wholes) or not await _has_rows(connection, tiling.parts):
            continue
        faults = await tiling_faults(connection, tiling)
        if not await _has_rows(connection, tiling.wholes):
            faults = [fault for fault in faults if fault.kind in {"foreign", "malformed"}]
        notes += in_words(tiling, faults)
    return notes


async def _has_rows(connection: asyncpg.Connection, layer: str) -> bool:
    return bool(await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table_of(layer)})"))


def in_words(tiling: Tiling, faults: Sequence[Fault]) -> Iterator[str]:
    """Say what was found, a sentence for each kind of fault, with the worst places first.

    Examples
    --------
    >>> fault = Fault("gap", "440106011001", (), 320.4, (113.351, 23.131))
    >>> next(in_words(GRIDS_IN_COMMUNITIES, [fault]))
    'grids/communities: 空隙 gap × 1: 440106011001 320 m² (113.35100, 23.13100)'
    """
    for kind, count in Counter(fault.kind for fault in faults).most_common():
        worst = sorted((f for f in faults if f.kind == kind), key=lambda f: -f.area_m2)[:PLACES_NAMED]
        places = "; ".join(_place(fault) for fault in worst)
        yield f"{tiling.parts}/{tiling.wholes}: {_WORDS[kind]} × {count:,}: {places}"


def _place(fault: Fault) -> str:
    lon, lat = fault.lonlat
    size = f" {fault.area_m2:,.0f} m²" if fault.area_m2 else ""
    return f"{'+'.join(fault.part_codes) or fault.whole_code}{size} ({lon:.5f}, {lat:.5f})"


def _tables(tiling: Tiling) -> str:
    """Both layers in metres; boundaries that are no longer in force are left out."""
    in_force = "superseded_at IS NULL AND (valid_to IS NULL OR valid_to > now())"
    part_code = f"coalesce({quote_identifier(tiling.part_code)}, id)"
    whole_code = f"coalesce({quote_identifier(tiling.whole_code)}, id)"
    return f"""
        CREATE TEMP TABLE topology_part ON COMMIT DROP AS
        SELECT {part_code} AS code, left({part_code}, {tiling.code_length}) AS whole_code,
            ST_Transform(geom, onemap.measuring_srid()) AS geom
        FROM {table_of(tiling.parts)} WHERE {in_force};
        CREATE INDEX ON topology_part USING gist (geom);
        CREATE TEMP TABLE topology_whole ON COMMIT DROP AS
        SELECT left({whole_code}, {tiling.code_length}) AS code, ST_Transform(geom, onemap.measuring_srid()) AS geom
        FROM {table_of(tiling.wholes)} WHERE {in_force};
        CREATE TEMP TABLE topology_district ON COMMIT DROP AS
        SELECT DISTINCT left(coalesce(district_code, id), 6) AS code FROM {table_of("districts")} WHERE {in_force};
        ANALYZE topology_part, topology_whole"""


def _read(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
