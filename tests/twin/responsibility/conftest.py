"""The worked fixture with those who answer in it: one of every kind, a roster, and workers on and off duty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.policy.read import read_policy
from layers.schema.tables import refresh_statistics, table_of
from tests.layers.schema.fixture import point
from tests.readers import SHIPPED_POLICY
from tests.rights.roles import readers
from tests.rights.service import Readers
from tests.twin.service import TwinService, serving

NIGHT = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)  # 10 o'clock in the district
GRID = "440106011001001"
PEOPLE = {"person": "示例张小三", "phone": "10012341234", "duty_phone": "020-00012345", "data_grade": 2}
RESPONSIBILITIES = {
    "pump": {"level": "object", "feature_layer": "water_facilities", "feature_id": "PS1", "area_code": "440106011001",
             "grid_code": GRID},
    "fire": {"level": "grid_worker", "matter_prefix": "04", "area_code": "440106011001", "grid_code": GRID},
    "waste": {"level": "community", "matter_prefix": "0102", "area_code": "440106011001"},
    "community": {"level": "community", "area_code": "440106011001"},
    "other-community": {"level": "community", "area_code": "440106011002"},
    "street-water": {"level": "street", "matter_prefix": "0406", "area_code": "440106011000", "post": "street"},
    "street": {"level": "street", "area_code": "440106011000", "post": "street"},
    "emergency": {"level": "department", "matter_prefix": "04", "area_code": "440106000000", "priority": 2},
    "water": {"level": "department", "matter_prefix": "0406", "area_code": "440106000000", "post": "water"},
    "district": {"level": "district", "area_code": "440106000000", "post": "district"},
    "ended": {"level": "street", "area_code": "440106011000", "valid_to": datetime(2020, 1, 1, tzinfo=UTC)},
}  # fmt: skip
ROSTER = {
    "morning": {"post": "street", "starts_at": NIGHT - timedelta(hours=2), "ends_at": NIGHT + timedelta(hours=10)},
    "evening": {"post": "street", "starts_at": NIGHT + timedelta(hours=10), "ends_at": NIGHT + timedelta(hours=22)},
    "deputy": {"post": "street", "starts_at": NIGHT - timedelta(hours=2), "ends_at": NIGHT + timedelta(hours=10),
               "priority": 2},
    "water": {"post": "water", "starts_at": NIGHT, "ends_at": NIGHT + timedelta(hours=1)},
}  # fmt: skip
WORKERS = {  # place, then role, on duty, seconds since the last position
    "head": ((300, 300), "grid_head", True, 30),
    "near": ((340, 340), "full_time", True, 60),
    "stale": ((349, 349), "full_time", True, 3600),
    "off": ((350, 350), "full_time", False, 30),
    "far": ((350, 3000), "full_time", True, 30),
}


async def put_duty(url: str) -> None:
    """Put those who answer into a database that holds the worked fixture."""
    connection = await connect(url, Role.OWNER)
    try:
        for layer, rows in {"responsibilities": RESPONSIBILITIES, "duty_rosters": ROSTER}.items():
            for name, given in rows.items():
                fields = {**PEOPLE, **given} | ({"area_code": "440106011000"} if layer == "duty_rosters" else {})
                marks = ", ".join(f"${n}" for n in range(2, 2 + len(fields)))
                await connection.execute(
                    f"INSERT INTO {table_of(layer)} (id, {', '.join(fields)}) VALUES ($1, {marks})",
                    name,
                    *fields.values(),
                )
        for name, (place, role, on_duty, age_s) in WORKERS.items():
            await connection.execute(
                """INSERT INTO layer.grid_workers
                (id, geom, name, phone, role_code, on_duty, grid_codes, position_at, area_code, grid_code)
                VALUES ($1, ST_Transform($2::text::geometry, 4490), $1, '10012341234', $3, $4, $5,
                now() - make_interval(secs => $6), $7, $8)""",
                *(name, point(*place), role, on_duty, [GRID], float(age_s), GRID[:12], GRID),
            )
        for layer in (await read_catalog(connection)).values():
            await refresh_statistics(connection, layer.definition)
    finally:
        await connection.close()


@pytest.fixture(scope="package")
def duty(cluster, fixture_url) -> Iterator[TwinService]:
    """The application over the worked fixture and those who answer in it, for reading."""
    with serving(cluster, fixture_url, put_duty) as running:
        yield running


@pytest.fixture(scope="package")
def ruled(duty) -> Iterator[Readers]:
    """The same for holders of the shipped policy's roles."""
    running = Readers(duty.url, readers(read_policy(SHIPPED_POLICY)))
    yield running
    running.close()
