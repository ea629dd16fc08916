"""The overview of an area: numbers of the items of the same filter, for everybody, that sum up over the areas below."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from tests.twin.overview.events import let_none_fall_silent, put_events
from tests.twin.service import serving
from twin.overview.definition import at_moment, read_overview
from twin.overview.place import find_place
from twin.overview.statement import group_statement, told_indicators

OPEN = "closed_at IS NULL AND (stage IS NULL OR NOT stage IN ('closed','evaluate','merged','voided'))"


@pytest.fixture(scope="module")
def district(cluster, district_template):
    """The application over the synthetic district, with events of several grades and places under water."""
    with serving(cluster, district_template, put_events, let_none_fall_silent) as running:
        yield running


def told(district, actor="operator", **how):
    document = district.json("/twin/overview", actor=actor, **how)
    return document, {one["id"]: one for one in document["indicators"]}


def hits(district, layer, condition, actor="operator"):
    address = f"/ogc/collections/{layer}/items?resulttype=hits&filter={quote(condition)}"
    return district.json(address, actor=actor)["numberMatched"]


def test_the_operator_is_told_every_indicator_list_and_trend(district):
    document, found = told(district)
    definition = read_overview()
    assert found.keys() == {one.id for one in definition.indicators}, "one names a field that is not there"
    assert document["lists"].keys() == {one.id for one in definition.lists}
    assert document["trends"].keys() == {one.id for one in definition.trends}
    assert all(one["formula_zh"] and one["formula_en"] and one["unit"] for one in found.values())


@pytest.mark.parametrize("actor", ["operator", "anonymous", "officer", "public"])
def test_numbers_are_those_of_the_items_of_the_same_filter(district, actor):
    document, found = told(district, actor)
    at = datetime.fromisoformat(document["at"])
    asked = 0
    for group in read_overview().groups:
        for one in group.indicators:
            if one.id not in found or one.measure not in {"count", "share"} or one.id.startswith("vehicles"):
                continue
            condition = group.condition((*one.where, *one.of), at) or "id IS NOT NULL"
            number = hits(district, group.layer, condition, actor)
            assert found[one.id].get("part", found[one.id]["value"]) == number, (one.id, condition)
            asked += 1
    assert asked > (1 if actor == "public" else 10)


@pytest.mark.parametrize("by", ["street", "community", "grid"])
def test_the_areas_below_sum_up_to_the_area(district, by):
    document, found = told(district, by=by)
    additive = [one for one in read_overview().indicators if one.is_additive and one.main]
    for one in additive:
        inside = sum(child["values"][one.id] for child in document["children"])
        assert inside + document["elsewhere"][one.id] == found[one.id]["value"], one.id
    assert document["elsewhere"]["events_open"] < found["events_open"]["value"] / 10


def test_an_area_is_told_as_the_area_above_tells_of_it(district):
    document, _ = told(district)
    assert document["below"] == "street", "there is one district"
    street = max(document["children"], key=lambda child: child["values"]["events_open"])
    inner, found = told(district, area=street["code"])
    assert (inner["area"]["name"], inner["area"]["tier"], inner["below"]) == (street["name"], "street", "community")
    for name, value in street["values"].items():
        assert found[name]["value"] == value, name
    community = max(inner["children"], key=lambda child: child["values"]["events_open"])
    deeper, found = told(district, area=community["code"])
    assert found["events_open"]["value"] == hits(district, "events", f"({OPEN}) AND area_code = '{community['code']}'")
    grid = deeper["children"][0]
    last, found = told(district, area=grid["code"])
    assert (last["below"], last["children"]) == (None, [])
    assert found["events_open"]["value"] == grid["values"]["events_open"]


def test_parts_by_code_sum_up_and_have_words(district):
    _, found = told(district)
    one = found["events_open"]
    for name in ("stage", "severity", "source", "event_class"):
        assert sum(row["value"] for row in one["by"][name]) == one["value"], name
    named = {row["code"]: (row["label_zh"], row["label_en"]) for row in one["by"]["severity"]}
    assert named["1"] == ("特急", "Most urgent")


def test_extremes_and_lists_are_of_the_area(district):
    document, found = told(district)
    deepest = document["lists"]["ponding"]["features"][0]
    assert found["ponding_deepest"]["value"] == pytest.approx(deepest["properties"]["water_depth_m"])
    depths = [one["properties"]["water_depth_m"] for one in document["lists"]["ponding"]["features"]]
    assert depths == sorted(depths, reverse=True)
    assert [one["properties"]["title"] for one in document["lists"]["warnings"]["features"]] == ["暴雨红色预警"]
    assert found["warnings"]["value"] == 1
    street, of_street = told(district, area=document["children"][0]["code"])
    assert of_street["warnings"]["value"] == 1, "a warning for the district is in force in its streets"
    assert len(street["lists"]["warnings"]["features"]) == 1
    newest = document["lists"]["newest"]["features"]
    assert [one["id"] for one in newest[:3]] == ["e1", "e2", "e3"]
    hours = document["trends"]["events_new"]["hours"]
    span = f"occurred_at > TIMESTAMP('{hours[0]['at']}') AND occurred_at <= TIMESTAMP('{document['at']}')"
    assert sum(hour["value"] for hour in hours) == hits(district, "events", span.replace("+00:00", "Z"))


def test_a_week_before_is_compared_where_it_is_known(district):
    document, found = told(district)
    then = (datetime.fromisoformat(document["at"]) - timedelta(days=7)).isoformat()
    compared = found["events_open"]["compare"]
    past, _ = told(district, at=then, basis="phenomenon")
    before = {one["id"]: one["value"] for one in past["indicators"]}
    assert compared["value"] == before["events_open"] > 0
    assert compared["change"] == found["events_open"]["value"] - compared["value"]
    assert found["video_online"]["compare"] is None
    assert found["ponding_deepest"]["compare"] is None, "nothing was measured then"


def test_a_stranger_is_told_what_is_public(district):
    document, found = told(district, "public")
    assert "events_open" not in found
    assert found["warnings"]["value"] == 1
    assert found["ponding_deepest"]["value"] > 0
    assert "newest" not in document["lists"]
    assert all("events_open" not in child["values"] for child in document["children"])


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("area=440106999", 404),
        ("area=1234", 404),
        ("area=UV1", 404),
        ("by=grid&area=440106011001001", 400),
        ("by=parish", 400),
        ("at=2999-01-01T00:00:00Z", 400),
        ("at=yesterday", 400),
        ("basis=known", 400),
        ("area=" + "4" * 400, 400),
        ("layer=events", 400),
    ],
)
def test_bad_questions_are_refused(district, query, status):
    assert district.ask(f"/twin/overview?{query}").status_code == status


def test_many_walls_cost_one_reading(district):
    state, made = district.app.state.shared, []

    async def make():
        made.append(1)
        await asyncio.sleep(0)  # lets the others ask
        return len(made)

    async def ask():
        return await asyncio.gather(*(state.minutes.get_once("walls", make, 60) for _ in range(20)))

    assert district.run(ask()) == [1] * 20


def test_a_value_that_could_not_be_made_is_tried_again(district):
    state, tried = district.app.state.shared, []

    async def make():
        tried.append(1)
        await asyncio.sleep(0)
        if len(tried) == 1:
            raise ValueError("the first one")
        return "made"

    async def ask():
        one = state.minutes.get_once
        return await asyncio.gather(*(one("faulty", make, 60) for _ in range(3)), return_exceptions=True)

    first, *others = district.run(ask())
    assert isinstance(first, ValueError)
    assert others == ["made", "made"]


async def _plan(url, actor, code):
    connection = await connect(url, Role.READ)
    try:
        await connection.execute("SET enable_seqscan = off")  # a district of 2 % is read whole
        catalog = await read_catalog(connection)
        place = await find_place(connection, catalog, actor, None, code=code, by=None)
        group, layer = read_overview().groups[0], catalog["events"]
        asked = told_indicators(group, layer, actor, datetime.now(UTC))
        text, values = group_statement(asked, layer, actor, place).clause.render()
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))
    finally:
        await connection.close()


@pytest.mark.parametrize("actor", [OPERATOR, Actor("officer", 3, ("440106011",))])
def test_events_of_an_area_are_found_by_an_index(district_url, actor):
    plan = asyncio.run(_plan(district_url, actor, "440106011"))
    assert "Seq Scan on events" not in plan
    assert "Index" in plan


def test_times_are_those_of_beijing():
    late = datetime(2026, 6, 8, 17, tzinfo=UTC)  # one o'clock of the ninth
    assert at_moment("x > {day}", late) == "x > TIMESTAMP('2026-06-08T16:00:00Z')"
