"""`/twin/responsibility`, `/twin/patrols`: who answers in the worked fixture (`domain.md` 4.2, 4.7, 4.11)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.schema.fixture import INCIDENT
from tests.twin.fixture import lonlat
from tests.twin.responsibility.conftest import GRID, NIGHT
from twin.responsibility import responsible
from twin.responsibility.chain import LEVELS, chain_of, ranked
from twin.responsibility.concern import Concern, concern_of_code

LON, LAT = lonlat(*INCIDENT)
AT = NIGHT.isoformat()


def asked(service, **parameters):
    return service.json("/twin/responsibility", **{"at": AT, **parameters})


def levels(found):
    return {rung["level"]: [one["id"] for one in rung["responsible"]] for rung in found["chain"]}


def test_the_chain_of_the_incident_goes_from_the_grid_to_the_district(duty):
    found = asked(duty, lon=LON, lat=LAT, matter="0406")
    assert list(levels(found)) == ["grid_worker", "grid_head", "community", "street", "department", "district"]
    assert levels(found) == {
        "grid_worker": ["fire", "far", "near", "stale", "off"],  # by matter first, then those on duty
        "grid_head": ["head"],
        "community": ["community"],
        "street": ["street-water", "street"],
        "department": ["water", "emergency"],  # 0406 is more of the matter than 04
        "district": ["district"],
    }
    assert (found["first"]["id"], found["first"]["match"]) == ("fire", "grid+matter")
    assert (found["grid_code"], found["area_code"]) == (GRID, "440106011001")


def test_a_chain_of_some_of_those_who_match_says_so(duty, monkeypatch):
    assert asked(duty, lon=LON, lat=LAT, matter="0406")["complete"] is True
    monkeypatch.setattr(responsible, "_ROWS_MAX", 3)
    found = asked(duty, lon=LON, lat=LAT, matter="0406")
    assert found["complete"] is False
    assert len(levels(found)["grid_worker"]) <= 4


def test_the_keeper_of_an_object_comes_before_all(duty):
    found = asked(duty, layer="water_facilities", id="PS1", matter="0406")
    assert (found["first"]["id"], found["first"]["match"]) == ("pump", "object")
    assert levels(found)["object"] == ["pump"]
    assert "object" not in levels(asked(duty, layer="water_facilities", id="PS2", matter="0406"))


@pytest.mark.parametrize(
    ("matter", "first"),
    [("0102", "waste"), ("0406", "street-water"), ("0401", "emergency"), ("0601", "community"), (None, "community")],
)
def test_the_most_specific_match_comes_first(duty, matter, first):
    """In a grid without keepers of its own: community and matter, street and matter, district and matter, the rest."""
    found = asked(duty, grid_code="440106011001002", **({"matter": matter} if matter else {}))
    assert found["first"]["id"] == first


@pytest.mark.parametrize("code", ["440106011001", "440106011", "440106"])
def test_a_larger_area_has_the_chain_from_there_on(duty, code):
    found = levels(asked(duty, grid_code=code))
    assert "grid_worker" not in found
    assert ("community" in found) == (len(code) == 12)
    assert found["district"] == ["district"]


@pytest.mark.parametrize(
    ("hours", "street"), [(0, ["morning", "deputy"]), (9.99, ["morning", "deputy"]), (10, ["evening"]), (30, [])]
)
def test_who_is_on_duty_comes_from_the_roster(duty, hours, street):
    at = datetime.fromtimestamp(NIGHT.timestamp() + hours * 3600, UTC).isoformat()
    found = asked(duty, grid_code=GRID, at=at)
    (rung,) = (rung for rung in found["chain"] if rung["level"] == "street")
    assert [shift["id"] for shift in rung["responsible"][0]["on_duty"]] == street


def test_locate_tells_who_answers(duty):
    found = duty.json("/twin/locate", lon=LON, lat=LAT)["responsible"]
    assert [rung["level"] for rung in found["chain"]] == ["grid_worker", "grid_head", "community", "street", "district"]


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, 400),
        ({"lon": 113.3}, 400),
        ({"lon": 113.3, "lat": 23.1, "grid_code": GRID}, 400),
        ({"id": "PS1"}, 400),
        ({"grid_code": "44"}, 400),
        ({"grid_code": "x" * 20}, 400),
        ({"grid_code": GRID, "matter": "04 06"}, 400),
        ({"grid_code": GRID, "matter": "0" * 41}, 400),
        ({"grid_code": GRID, "at": "never"}, 400),
        ({"layer": "water_facilities", "id": "PS9"}, 404),
        ({"layer": "nothing", "id": "PS1"}, 404),
        ({"layer": "water_facilities", "id": "a\0b"}, 404),
    ],
)
def test_bad_questions_are_refused(duty, parameters, status):
    assert duty.ask("/twin/responsibility", **parameters).status_code == status


def test_who_patrols_here_now(duty):
    found = duty.json("/twin/patrols", lon=LON, lat=LAT, radius_m=1000)
    told = [(f["id"], f["properties"]["position_stale"]) for f in found["features"]]
    assert told == [("near", False), ("head", False), ("stale", True)]  # a stale position is nearer, and comes last
    assert found["features"][0]["properties"]["distance_m"] == pytest.approx(14.1, abs=0.1)
    assert found["number_matched"] == 3


NAME, MASKED = "示例张小三", "示**"


@pytest.mark.parametrize(
    ("reader", "person", "phone", "duty_phone"),
    [
        ("anonymous", None, None, None),
        ("grid_worker", NAME, "100****1234", "020-00012345"),
        ("community_officer", NAME, "10012341234", "020-00012345"),
        ("street_dispatcher", NAME, "10012341234", "020-00012345"),
        ("district_dispatcher", NAME, "10012341234", "020-00012345"),
        ("department_officer", NAME, "10012341234", "020-00012345"),
        ("leader", MASKED, "100****1234", "020-00012345"),
        ("analyst", None, None, "020-00012345"),
        ("auditor", None, None, None),
    ],
)
def test_names_and_telephones_are_shown_as_the_table_says(ruled, reader, person, phone, duty_phone):
    """Of the keeper of the reader's own grid; 7.3: as the contacts of resources, to the own grid in part."""
    found = asked(ruled, actor=reader, grid_code=GRID, matter="04")
    every = [one for rung in found["chain"] for one in rung["responsible"] if one["id"] == "fire"]
    told = every[0] if every else {"person": None, "phone": None, "duty_phone": None}
    assert (told["person"], told["phone"], told["duty_phone"]) == (person, phone, duty_phone)


def test_a_reader_is_told_nothing_of_persons_elsewhere(ruled):
    found = asked(ruled, actor="community_officer", grid_code="440106011002001")
    (one,) = next(rung["responsible"] for rung in found["chain"] if rung["level"] == "community")
    assert (one["id"], one["org_name"], one["person"], one["phone"]) == ("other-community", None, None, None)


@pytest.mark.parametrize(
    ("reader", "seen"),
    [("street_dispatcher", 3), ("district_dispatcher", 3), ("grid_worker", 0), ("department_officer", 0)],
)
def test_patrols_are_shown_to_those_who_see_where_workers_are(ruled, reader, seen):
    assert ruled.json("/twin/patrols", actor=reader, lon=LON, lat=LAT)["number_matched"] == seen


_ROWS = st.fixed_dictionaries(
    {
        "level": st.sampled_from(LEVELS),
        "matter_prefix": st.sampled_from([None, "04", "0406"]),
        "area_code": st.sampled_from(["440106000000", "440106011000", "440106011001"]),
        "grid_code": st.sampled_from([None, GRID]),
        "priority": st.sampled_from([None, 1, 2]),
    }
)


@given(st.lists(_ROWS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_and_each_is_told_once(rows, random):
    concern: Concern = concern_of_code(GRID, "0406", NIGHT)
    found = [one for n, row in enumerate(rows) if (one := ranked(concern, f"r{n:02}", row, ())) is not None]
    shuffled = random.sample(found, len(found))
    chain = chain_of(concern, found)
    assert chain == chain_of(concern, shuffled)
    assert sorted(one.id for rung in chain.chain for one in rung.responsible) == [f"r{n:02}" for n in range(len(rows))]
    assert (chain.first is None) == (not rows)
