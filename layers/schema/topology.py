"""A check that areas tile the area above them and carry its code: grids their community, communities their street."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from layers.schema.tables import table_of
from layers.tiers import COMMUNITY, DISTRICT, GRID, STREET, Tier, in_force

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
    """A tier whose areas must fill those of the tier above without gap or overlap."""

    part: Tier
    whole: Tier

    @property
    def parts(self) -> str:
        """The layer of the parts."""
        return self.part.layer_id

    @property
    def wholes(self) -> str:
        """The layer of the wholes."""
        return self.whole.layer_id


GRIDS_IN_COMMUNITIES = Tiling(GRID, COMMUNITY)
COMMUNITIES_IN_STREETS = Tiling(COMMUNITY, STREET)
STREETS_IN_DISTRICTS = Tiling(STREET, DISTRICT)
TILINGS = (GRIDS_IN_COMMUNITIES, COMMUNITIES_IN_STREETS, STREETS_IN_DISTRICTS)


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where areas do not tile.

    Attributes
    ----------
    kind
        `gap`: no part; `overlap`: two parts; `outside`: parts reach out of the whole; `orphan`: a part whose code
        names no whole; `foreign`: a part with the code of a district that is not loaded; `malformed`: a part whose
        code has the wrong number of digits.
    whole_code, part_codes
        The area above, and the two parts of an overlap or the orphan.
    area_m2
        Area of the fault in the measuring plane; 0 for a fault of the code.
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
    """Return every gap and overlap that is wider than a tolerance anywhere, and every faulty code.

    Parameters
    ----------
    connection
        In the owner's or the ingest role (temporary tables are made); joins a transaction that is already open.
    tiling
        The tier of the parts and the tier that they must fill.
    tolerance_m
        Width in metres up to which a fault counts as inaccurate digitising.

    Returns
    -------
    list of Fault
        Empty without faults, and when both layers are empty.
    """
    async with connection.transaction():
        await connection.execute(_tables(tiling))
        misnamed = await connection.fetch(_read("topology_codes"), tiling.part.digits)
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
    """Return sentences about the faults in every tiling of loaded layers, or in those of one layer.

    Parameters
    ----------
    connection
        As for `tiling_faults`.
    layer
        Id of a layer; a layer without a tiling has no faults. None checks all tilings.

    Returns
    -------
    list of str
        Sentences of `in_words`; empty without faults. An empty layer counts as not loaded yet and causes no faults.
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
    """Yield a sentence for each kind of fault, with the worst places first.

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
    """Return SQL that makes temporary tables of both layers in metres, without boundaries that are out of force."""
    current, digits = in_force().text, tiling.whole.digits
    return f"""
        CREATE TEMP TABLE topology_part ON COMMIT DROP AS
        SELECT {tiling.part.own_code} AS code, left({tiling.part.own_code}, {digits}) AS whole_code,
            ST_Transform(f.geom, onemap.measuring_srid()) AS geom
        FROM {table_of(tiling.parts)} AS f WHERE {current};
        CREATE INDEX ON topology_part USING gist (geom);
        CREATE TEMP TABLE topology_whole ON COMMIT DROP AS
        SELECT left({tiling.whole.own_code}, {digits}) AS code, ST_Transform(f.geom, onemap.measuring_srid()) AS geom
        FROM {table_of(tiling.wholes)} AS f WHERE {current};
        CREATE TEMP TABLE topology_district ON COMMIT DROP AS
        SELECT DISTINCT left({DISTRICT.own_code}, {DISTRICT.digits}) AS code
        FROM {table_of(DISTRICT.layer_id)} AS f WHERE {current};
        ANALYZE topology_part, topology_whole"""


def _read(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
