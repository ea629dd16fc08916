"""What a policy shows of rows, against an oracle that judges them one by one."""

from __future__ import annotations

import asyncio
import random
import re
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.clause import all_of
from layers.coordinates.crs import CRS84
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.cql2 import FilterLimits, compile_filter, parse, queryables_of
from layers.database.connection import connect
from layers.errors import Forbidden
from layers.layer_rights import rights_of
from layers.moment import Moment
from layers.policy.policy import Policy
from layers.read.counted_page import counted_page
from layers.read.masks import mask_value
from layers.read.query import ItemsQuery, count, page
from layers.read.rights import is_view, layer_at, scope_of
from layers.read.scope import any_of, holds
from layers.read.sort_keys import sort_keys, sortable_fields
from layers.schema.tables import create_layer, refresh_statistics
from tests.databases import temporary_database
from tests.layers.cameras import CAMERAS, ROWS
from tests.layers.read.policies import actor_of, role, rule

ROLES = (role("anonymous", 1), role("guest", 2), role("officer", 3), role("chief", 4))
ORDER = ("absent", "stock_class", "name", "phone", "address", "full")
PLACES = ("absent", "cell_500", "cell_100", "full")
SHOWN = {
    "name": ("full", "absent", "name", "address"),
    "contact_name": ("full", "absent", "name"),
    "contact_phone": ("full", "absent", "phone"),
    "height_m": ("full", "absent", "stock_class"),
}
TESTS = {
    None: lambda _row, _caller: True,
    "name LIKE '摄像机 a<b 1%'": lambda row, _: row["name"].startswith("摄像机 a<b 1"),
    "height_m > 3": lambda row, _: row["height_m"] is not None and row["height_m"] > 3,
    "height_m IS NULL": lambda row, _: row["height_m"] is None,
    "area_code = caller('area')": lambda row, caller: caller is not None and row["area_code"] == caller,
    "area_code <> caller('area')": lambda row, caller: caller is not None and row["area_code"] != caller,
}
AREA = "440106012000"


def rules(prefix):
    return st.builds(
        lambda roles, grade, areas, rows, geometry, fields, number: rule(
            f"{prefix}{number}", roles, "cameras", grade=grade, areas=areas, rows=rows, geometry=geometry, fields=fields
        ),
        st.sampled_from(("anonymous", "guest", "officer", "chief", "officer chief")),
        st.integers(1, 4),
        st.sampled_from(("any", "own")),
        st.sampled_from(list(TESTS)),
        st.sampled_from(PLACES),
        st.fixed_dictionaries({}, optional={name: st.sampled_from(ways) for name, ways in SHOWN.items()}),
        st.integers(0, 10**9),
    )


@st.composite
def readers(draw):
    """A policy of a few rules, and an actor under it."""
    policy = Policy(ROLES, draw(st.lists(rules("r"), min_size=1, max_size=4, unique_by=lambda one: one.id)))
    roles = draw(st.lists(st.sampled_from(("guest", "officer", "chief")), max_size=2, unique=True))
    areas = draw(st.sampled_from(((), ("440106011",), ("440106012", "440106010"))))
    attributes = draw(st.sampled_from(((), (("area", AREA),))))
    return actor_of(policy, *roles, areas=areas, attributes=attributes)


class Cameras:
    """A table of cameras and a loop to read it with."""

    def __init__(self, url) -> None:
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.connection = self.run(connect(url))
        self.run(create_layer(self.connection, CAMERAS))
        self.run(self.connection.execute(ROWS, 60))
        self.run(refresh_statistics(self.connection, CAMERAS))
        self.layer = self.run(read_catalog(self.connection))["cameras"]
        self.rows = {row["id"]: row for row in self.items(OPERATOR)}

    def items(self, actor, where="", sort="", limit=1000):
        queryables = queryables_of(self.layer.definition, actor)
        keys = sort_keys(sort, sortable_fields(self.layer, actor)) if sort else ()
        query = ItemsQuery(self.layer, actor, limit=limit, sort=keys)
        if where:
            node = parse(where, "cql2-text", limits=FilterLimits())
            query = ItemsQuery(
                self.layer, actor, compile_filter(node, queryables, filter_crs=CRS84), limit=limit, sort=keys
            )
        text, values = page(query).render()
        row = self.run(self.connection.fetchrow(text, *values))
        found = orjson.loads(b"[" + (row["features"] or b"") + b"]")
        text, values = count(query, 10_000).render()
        assert self.run(self.connection.fetchval(text, *values)) == len(found)
        return [{"id": one["id"], "geom": one["geometry"], **one["properties"]} for one in found]

    def close(self):
        self.run(self.connection.close())
        self.runner.close()


@pytest.fixture(scope="module")
def cameras(cluster, template):
    with temporary_database(cluster, template) as url:
        table = Cameras(url)
        yield table
        table.close()


def holding(actor, row):
    """The rules that hold for a row, each with its grade."""
    caller = dict(actor.attributes).get("area")
    for one in actor.policy.rules:
        known = {*one.roles} & {"anonymous", *actor.roles}
        grade = min(one.grade, actor.policy.clearance_of(known))
        mine = one.areas == "any" or any(row["area_code"].startswith(prefix) for prefix in actor.area_prefixes)
        if known and row["data_grade"] <= grade and mine and TESTS[one.rows](row, caller):
            yield one, grade


def showing(rules_of_row, name):
    field = CAMERAS.by_name[name]
    ways = [one.fields.get(name, "full") for one, _ in rules_of_row]
    grades = [grade for _, grade in rules_of_row]
    allowed = (
        "absent" if way == "full" and field.grade > grade else way for way, grade in zip(ways, grades, strict=True)
    )
    return max(allowed, key=ORDER.index)


def cell(point, side):
    ((x, y),) = to_metres(np.array([point["coordinates"]]))
    ((lon, lat),) = to_degrees(np.array([[(x // side + 0.5) * side, (y // side + 0.5) * side]]))
    return [round(lon, 7), round(lat, 7)]


def shown_row(actor, row):
    """What an actor sees of a row, as {name: value} without nulls; None when it sees nothing of it."""
    held = list(holding(actor, row))
    if not held:
        return None
    seen = {"id": row["id"]}
    place = max((one.geometry for one, _ in held), key=PLACES.index)
    if place != "absent":
        side = {"cell_100": 100, "cell_500": 500}.get(place)
        seen["geom"] = cell(row["geom"], side) if side else row["geom"]["coordinates"]
    for name in row.keys() - {"id", "geom"}:
        how, value = showing(held, name), row[name]
        if value is None or how == "absent":
            continue
        seen[name] = (
            ("有" if value > 0 else "无")
            if how == "stock_class"
            else value
            if how == "full"
            else mask_value(how, value)
        )
    return seen


def plain(item):
    """An item without nulls; numbers that are shown as text beside classes are numbers again."""
    seen = {name: value for name, value in item.items() if value is not None}
    if "geom" in seen:
        seen["geom"] = seen["geom"]["coordinates"]
    if isinstance(seen.get("height_m"), str) and seen["height_m"] not in "有无":
        seen["height_m"] = float(seen["height_m"])
    return seen


quick = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))


@quick
@given(readers())
def test_rows_and_fields_are_those_of_the_oracle(cameras, actor):
    expected = [seen for row in cameras.rows.values() if (seen := shown_row(actor, row))]
    found = cameras.items(actor)
    assert [plain(item) for item in found] == [approx(row) for row in expected]


def approx(row):
    return {**row, "geom": pytest.approx(row["geom"], abs=2e-7)} if "geom" in row else row


@quick
@given(readers(), rules("extra"))
def test_another_rule_never_hides_anything(cameras, actor, extra):
    more = actor_of(
        Policy(ROLES, (*actor.policy.rules, extra)),
        *actor.roles,
        areas=actor.area_prefixes,
        attributes=actor.attributes,
    )
    before, after = ({item["id"]: plain(item) for item in cameras.items(one)} for one in (actor, more))
    assert before.keys() <= after.keys()
    for name, seen in before.items():
        true = plain(cameras.rows[name])
        assert seen.keys() <= after[name].keys()
        assert all(after[name][key] == true[key] for key in seen if seen[key] == true[key])


FILTERS = {
    "name": ("name LIKE '%1'", "name = '摄像机 a<b 12'", "name IS NULL"),
    "contact_name": ("contact_name = '张三'", "contact_name LIKE '李%'", "contact_name IS NULL"),
    "contact_phone": ("contact_phone LIKE '138%'", "contact_phone > '13812345670'", "contact_phone IS NULL"),
    "height_m": ("height_m > 4", "height_m = 3", "height_m IS NULL"),
    "play_ref": ("play_ref = 'ref'", "play_ref IS NULL"),
    "geom": ("S_INTERSECTS(geom, BBOX(113.31, 23.1, 113.36, 23.106))", "S_WITHIN(geom, BBOX(113, 23, 113.33, 23.2))"),
    "area_code": ("area_code = '440106012000'",),
}


@quick
@given(readers(), st.integers(0, 2**32))
def test_no_filter_tells_two_tables_apart_that_an_actor_sees_alike(cameras, actor, seed):
    """The central law: answers are a function of what the actor sees."""
    transaction = cameras.connection.transaction()
    before = _answers(cameras, actor)
    cameras.run(transaction.start())
    try:
        _change_what_is_hidden(cameras, actor, random.Random(seed))
        assert _answers(cameras, actor) == before
    finally:
        cameras.run(transaction.rollback())


def _answers(cameras, actor):
    names = queryables_of(CAMERAS, actor)
    answers = {"": cameras.items(actor)}
    for name, texts in FILTERS.items():
        answers |= {text: cameras.items(actor, text) for text in texts if name in names}
    return answers | {key: cameras.items(actor, sort=key) for key in sortable_fields(cameras.layer, actor)}


def _change_what_is_hidden(cameras, actor, chance):
    """Change, row by row, what the oracle says that the actor does not see."""
    for row in cameras.rows.values():
        held = list(holding(actor, row))
        if not held:
            cameras.run(cameras.connection.execute("DELETE FROM layer.cameras WHERE id = $1", row["id"]))
            continue
        changed = {
            "contact_phone": {"phone": f"138{chance.randint(0, 9999):04}5678", "absent": "139"},
            "contact_name": {"name": chance.choice(["张四", "张三丰"]), "absent": "李四"},
            "play_ref": {"absent": "other"},
        }
        for name, by_showing in changed.items():
            if (value := by_showing.get(showing(held, name))) is not None:
                text = f"UPDATE layer.cameras SET {name} = $2 WHERE id = $1"
                cameras.run(cameras.connection.execute(text, row["id"], value))
        if max((one.geometry for one, _ in held), key=PLACES.index) == "absent":
            text = "UPDATE layer.cameras SET geom = ST_SetSRID(ST_MakePoint(113.32, 23.105), 4490) WHERE id = $1"
            cameras.run(cameras.connection.execute(text, row["id"]))


def test_a_filter_on_a_masked_value_is_refused_and_one_on_a_value_shown_somewhere_sees_that_alone(cameras):
    policy = Policy(
        ROLES,
        (
            rule("all", "officer", "cameras", fields={"contact_phone": "phone", "contact_name": "name"}),
            rule("mine", "officer", "cameras", areas="own"),
        ),
    )
    officer = actor_of(policy, "officer", areas=("440106012",))
    stranger = actor_of(policy, "officer")
    assert "contact_phone" in queryables_of(CAMERAS, officer)
    assert "contact_phone" not in queryables_of(CAMERAS, stranger)
    found = cameras.items(officer, "contact_phone = '13812345678'")
    assert found
    assert {item["area_code"] for item in found} == {"440106012000"}
    others = [item for item in cameras.items(officer) if item["area_code"] != "440106012000"]
    assert {item["contact_phone"] for item in others} == {"138****5678"}


def test_who_may_not_look_back_reads_the_present_alone(cameras):
    policy = Policy(ROLES, (rule("now", "officer", "cameras", operations=("read",)), rule("then", "chief", "cameras")))
    moment = Moment(datetime.now(UTC), "known")
    officer, chief = (actor_of(policy, name) for name in ("officer", "chief"))
    with pytest.raises(Forbidden):
        layer_at(cameras.layer, officer, moment)
    assert layer_at(cameras.layer, officer, None) is cameras.layer
    past = layer_at(cameras.layer, chief, moment)
    for reader, number in ((chief, 60), (officer, 0)):
        text, values = count(ItemsQuery(past, reader), 100).render()
        assert cameras.run(cameras.connection.fetchval(text, *values)) == number


@quick
@given(readers())
def test_the_widest_cases_hold_for_the_rows_of_all_cases(cameras, actor):
    rights = rights_of(CAMERAS, actor)
    every = any_of(holds(case, rights, CAMERAS.by_name) for case in rights.cases)
    assert set(rights.widest) <= set(rights.cases)
    assert ids_of(cameras, scope_of(rights, CAMERAS.by_name)) == ids_of(cameras, every)


def ids_of(cameras, condition):
    text, values = all_of([condition]).render()
    rows = cameras.run(cameras.connection.fetch(f"SELECT id FROM layer.cameras AS f WHERE {text}", *values))
    return {row["id"] for row in rows}


OFFICE = (
    rule("seen", "anonymous", "cameras", grade=1),
    rule("kept", "officer", "cameras", areas="own"),
    rule("masked", "officer", "cameras", grade=2, fields={"contact_phone": "phone", "name": "absent"}),
)


def box_of(actor):
    near = parse("S_INTERSECTS(geom, BBOX(113.31, 23.1, 113.32, 23.11))", "cql2-text", limits=FilterLimits())
    return compile_filter(near, queryables_of(CAMERAS, actor), filter_crs=CRS84)


def plan_of(cameras, statement):
    text, values = statement.render()
    cameras.run(cameras.connection.execute("SET enable_seqscan = off"))
    try:
        return "\n".join(row[0] for row in cameras.run(cameras.connection.fetch(f"EXPLAIN {text}", *values)))
    finally:
        cameras.run(cameras.connection.execute("RESET enable_seqscan"))


def test_a_box_is_found_by_the_index_also_where_rows_show_different_things(cameras):
    officer = actor_of(Policy(ROLES, OFFICE), "officer", areas=("440106012",))
    assert is_view(cameras.layer, officer)
    for statement in (page, counted_page, lambda query: count(query, 100)):
        plan = plan_of(cameras, statement(ItemsQuery(cameras.layer, officer, box_of(officer))))
        assert re.search(r"Index Cond: \((f\w*\.)?geom &&", plan), plan


def test_a_costly_case_is_tested_once_to_find_a_row_and_once_to_show_it(cameras):
    """However many fields it decides on."""
    officer = actor_of(Policy(ROLES, OFFICE), "officer", areas=("440106012",))
    query = ItemsQuery(cameras.layer, officer, box_of(officer))
    statements = count(query, 100), page(query)
    assert [statement.text.count("f.area_code::text") for statement in statements] == [2, 4]  # each twice in a range
    assert ["Nested Loop" in plan_of(cameras, statement) for statement in statements] == [False, True]


def test_the_rows_of_an_area_are_found_by_the_index(cameras):
    officer = actor_of(Policy(ROLES, OFFICE[:2]), "officer", areas=("440106012",))
    plan = plan_of(cameras, count(ItemsQuery(cameras.layer, officer), 100))
    assert "Seq Scan" not in plan
    assert "cameras_lies_in_idx" in plan, plan


def test_a_thousand_rules_change_no_statement(cameras):
    """Rules are looked up once an audience and definition; what they give is what is written."""
    others = [rule(f"other{number}", "guest", "cameras", rows=f"height_m > {number}") for number in range(1000)]
    few, many = (
        actor_of(Policy(ROLES, rules_of), "officer", areas=("440106012",)) for rules_of in (OFFICE, (*OFFICE, *others))
    )
    texts = [page(ItemsQuery(cameras.layer, actor, box_of(actor))).render() for actor in (few, many)]
    assert texts[0] == texts[1]
