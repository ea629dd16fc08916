"""`/twin/cameras-seeing` against the answers of the worked fixture (`domain.md` 4.6)."""

from __future__ import annotations

import pytest

from layers.database.connection import Role, connect
from layers.schema.tables import table_of
from tests.layers.schema.fixture import point
from tests.twin.service import serving
from twin.surroundings import sight_line

P = {"lon": 113.3316634, "lat": 23.1395597}  # as the reference prints it


def asked(service, actor="operator", **question):
    return service.json("/twin/cameras-seeing", actor=actor, **{**P, "max_m": 300, **question})


def of(found, name):
    return next(one["properties"] for one in found["features"] if one["id"] == name)


def test_those_that_see_the_incident(worked):
    found = asked(worked)
    assert found["seeing"] == ["C1", "C5"]
    assert [one["id"] for one in found["features"]] == ["C1", "C5", "C2", "C6", "C3"]
    assert of(found, "C1")["bearing_deg"] == pytest.approx(180, abs=0.5)
    assert of(found, "C2") | {"reason": "out_of_view", "visible": False} == of(found, "C2")
    blocked = of(found, "C3")
    assert (blocked["visible"], blocked["blocked_by"], blocked["reason"]) == (False, "K1", "blocked")
    assert found["occlusion"] is True


def test_without_occlusion(worked):
    found = asked(worked, occlusion=False)
    assert found["seeing"] == ["C1", "C3", "C5"]


def test_beyond_300_m_there_is_a_camera_that_reaches_as_far(worked):
    assert asked(worked, max_m=400)["seeing"] == ["C1", "C5", "C4"]


@pytest.fixture(scope="module")
def varied(cluster, fixture_url):
    """The fixture with cameras of every kind."""
    with serving(cluster, fixture_url, _vary) as running:
        yield running


async def _vary(url):
    connection = await connect(url, Role.OWNER)
    try:
        for name, place, fields in CAMERAS:
            columns = "".join(f", {column}" for column in fields)
            marks = "".join(f", ${n}" for n in range(4, 4 + len(fields)))
            await connection.execute(
                f"""INSERT INTO {table_of("video_points")} (id, geom, camera_type, hfov_deg, range_m{columns})
                VALUES ($1, ST_Transform($2::text::geometry, 4490), $3, 60, 150{marks})""",
                name,
                point(*place),
                "1" if name.startswith("PTZ") else "3",
                *fields.values(),
            )
        await connection.execute(f"UPDATE {table_of('video_points')} SET data_grade = 3")
        await connection.execute(f"UPDATE {table_of('buildings')} SET height_m = NULL WHERE id = 'K1'")
    finally:
        await connection.close()


CAMERAS = [
    ("PTZ1", (350, 400), {"azimuth_deg": 0.0}),
    ("PTZ2", (250, 390), {"azimuth_deg": 0.0}),
    ("BLIND", (350, 320), {}),
    ("SOUTH", (350, 380), {"direction_type": "3"}),
    ("EDGY", (390, 390), {"direction_type": "3"}),
    ("OFF", (350, 360), {"azimuth_deg": 180.0, "online_status": "offline"}),
]


def test_one_that_can_turn_is_told_so_after_those_that_see(varied):
    found = asked(varied)
    assert of(found, "PTZ1") | {"visible": False, "can_turn_to": True, "reason": "out_of_view"} == of(found, "PTZ1")
    order = [one["id"] for one in found["features"]]
    assert order.index("C5") < order.index("PTZ1") < order.index("C2")
    assert not of(found, "C2")["can_turn_to"]


def test_without_an_azimuth_it_is_not_known_and_comes_after_the_certain_ones(varied):
    found = asked(varied)
    assert of(found, "BLIND") | {"visible": "unknown", "reason": "view_unknown"} == of(found, "BLIND")
    order = [one["id"] for one in found["features"]]
    assert order.index("C2") < order.index("BLIND") < order.index("OFF") == len(order) - 1


def test_one_of_eight_directions_is_certain_only_within_its_doubt(varied):
    found = asked(varied)
    assert of(found, "SOUTH")["visible"] is True
    assert of(found, "EDGY")["visible"] == "unknown"  # 45° off: 30° to each side, 22.5° of doubt


def test_one_that_is_off_sees_nothing(varied):
    found = asked(varied)
    assert of(found, "OFF") | {"visible": False, "reason": "offline", "online_status": "offline"} == of(found, "OFF")
    assert "OFF" not in found["seeing"]


def test_a_building_whose_height_nobody_knows_leaves_it_open(varied):
    told = of(asked(varied), "C3")
    assert (told["visible"], told["reason"], told["blocked_by"]) == ("unknown", "height_unknown", "K1")


def test_from_above_the_roof_the_place_is_seen(twin):
    assert "C3" not in asked(twin, target_height_m=30)["seeing"]  # the camera itself is below the roof
    assert "C3" in asked(twin, target_height_m=200)["seeing"]


def test_without_all_the_buildings_between_it_is_refused(twin, monkeypatch):
    monkeypatch.setattr(sight_line, "OBSTACLES_MAX", 0)  # K1 stands before C3
    answer = twin.ask("/twin/cameras-seeing", **P)
    assert (answer.status_code, "occlusion=false" in answer.json()["detail"]) == (413, True)
    assert asked(twin, occlusion=False)["seeing"] == ["C1", "C3", "C5"]


def test_who_may_not_see_cameras_gets_none(varied):
    hidden = varied.ask("/twin/cameras-seeing", actor="public", **P)
    assert hidden.status_code == 404
    assert "video_points" not in hidden.json()["detail"].partition("layers: ")[2]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"max_m": 0}, 400),
        ({"max_m": "nan"}, 400),
        ({"max_m": 1_000_000}, 413),
        ({"lon": 999}, 400),
        ({"target_height_m": -1}, 400),
        ({"at": "2999-01-01T00:00:00Z"}, 400),
        ({"radius_m": 5}, 400),
    ],
)
def test_limits(twin, wrong, status):
    answer = twin.ask("/twin/cameras-seeing", **{**P, **wrong})
    assert answer.status_code == status, answer.text
