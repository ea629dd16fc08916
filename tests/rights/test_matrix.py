"""The leak matrix: no output lets a role tell apart two worlds that differ only in what it may not see.

Rules come from the shipped policy, layers and fields from the definitions, addresses from the routes of the server:
a new one is in the matrix by itself, and a route that the matrix does not know fails. Each run asks about one layer,
row and field of every class (`selection.py`); with `--rights-full`, about all of them.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from layers.read.masks import REFERENCE
from tests.databases import run_async, temporary_database
from tests.rights.addresses import OPERATORS, SOCKETS, STATIC, of_all, of_layers, templates, together
from tests.rights.changes import LAST
from tests.rights.conftest import definitions, policy
from tests.rights.oracle import GEOM, is_written_as_text, seen, shown_value
from tests.rights.roles import HELD, PLAIN, VARIANTS
from tests.rights.selection import everything, one_of_each
from tests.rights.service import differ, serving
from tests.rights.worlds import VARIED, put, world

NAMES = [*HELD, *VARIANTS]


def test_every_route_is_in_the_matrix(served, rows):
    layers = of_layers(everything(definitions(), rows))
    known = {*layers, *of_all(definitions(), rows), *STATIC, *SOCKETS, *OPERATORS}
    assert {*templates(served.app.routes)} - known == set()


def test_the_worlds_vary_what_the_rules_test():
    tested = {word for rule in policy().rules if rule.rows for word in _fields_of(rule.rows)}
    assert tested - {*VARIED, "grid_codes", "data_grade", "area_code", "grid_code"} == set()


def _fields_of(text):
    names = {field.name for definition in definitions().values() for field in definition.fields}
    return {word for word in text.replace("(", " ").replace(",", " ").replace(")", " ").split() if word in names}


def test_every_role_that_reads_is_asked():
    assert {role for role in policy().roles if role != "operator"} == {*HELD, *PLAIN}


@pytest.mark.parametrize("role", PLAIN)
def test_a_role_without_rules_reads_as_everybody_does(role):
    for definition in definitions().values():
        ways = [policy().rules_on(definition.id, roles, (), None) for roles in ((role,), ())]
        assert ways[0] == ways[1], definition.id


SHARES = {"/ogc/collections/{collection}/items": 4}
"""Of how many addresses of a route each role is asked one, the roles in turn; with --rights-full it is asked all."""
_SHARE = 6


@pytest.mark.timeout(1_800)  # with --rights-full
@pytest.mark.parametrize("name", NAMES)
def test_no_output_tells_apart_what_a_role_may_not_see(name, request, cluster, layers_template, served, actors, rows):
    asked = _asked(request, rows, actors[name], NAMES.index(name))
    with ExitStack() as running:
        url = running.enter_context(temporary_database(cluster, layers_template))
        run_async(put(url, definitions(), world(definitions(), policy(), actors[name])))
        service = running.enter_context(serving(url, actors))
        other, heard = service.answers(name, asked), service.heard(name)
    answers = served.answers(name, asked)
    assert heard == served.heard(name)
    assert LAST in {change["id"] for change in heard}
    differing = [address for address in asked if differ(answers[address], other[address])]
    assert [_difference(address, answers, other) for address in differing] == []
    assert not [address for address in asked if answers[address][0] >= 500]


def _asked(request, rows, actor, turn):
    in_full = request.config.getoption("--rights-full")
    layers = everything(definitions(), rows) if in_full else one_of_each(definitions(), rows, actor, turn)
    parts = of_layers(layers), of_all(definitions(), rows)
    if in_full:
        return together(*parts)
    return together(*({name: _in_turn(name, addresses, turn) for name, addresses in part.items()} for part in parts))


def _in_turn(route, addresses, turn):
    """Return the addresses of a route that a role is asked; of a route with few of them all."""
    share = SHARES.get(route, _SHARE)
    return [address for n, address in enumerate(addresses) if len(addresses) <= share or n % share == turn % share]


def _difference(address, one, other):
    """Return where two answers part."""
    first, second = (str(world[address]) for world in (one, other))
    at = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    return address, first[max(0, at - 60) : at + 60], second[max(0, at - 60) : at + 60]


@pytest.mark.parametrize("name", NAMES)
def test_items_are_what_the_policy_says(name, served, actors, rows):
    for definition in definitions().values():
        shown = {row["id"]: how for row in rows[definition.id] if (how := seen(actors[name], definition, row))}
        answer = served.json_or_none(name, f"/ogc/collections/{definition.id}/items?limit=100&f=json")
        features = {feature["id"]: feature for feature in (answer or {"features": []})["features"]}
        assert features.keys() == shown.keys(), definition.id
        for row in rows[definition.id]:
            if row["id"] in shown:
                _is_shown_as(features[row["id"]], row, shown[row["id"]], definition, actors[name])


def _is_shown_as(feature, row, how, definition, actor):
    given = {name for name, value in feature["properties"].items() if value is not None}
    stored = {field.name for field in definition.stored_fields if not field.live and not field.refers_to}
    shown = {name for name in stored if name in how.fields and row[name] is not None}
    assert given & stored == shown, row["id"]
    for name in shown:
        expected = shown_value(how.fields[name], row[name])
        if definition.by_name[name].one_time:
            expected = [REFERENCE] * len(expected) if isinstance(expected, list) else REFERENCE
        if is_written_as_text(actor, definition, name):
            assert str(feature["properties"][name]).removesuffix(".0") == str(expected), (row["id"], name)
        else:
            assert _same(feature["properties"][name], expected), (row["id"], name)
    if GEOM in row and definition.geometry_type == "Point" and how.fields.get(GEOM) == "full":
        assert feature["geometry"]["coordinates"] == pytest.approx(row[GEOM], abs=1e-6)
    if GEOM not in how.fields:
        assert feature.get("geometry") is None


def _same(given, stored):
    if isinstance(stored, (str, bool, int, float, list, dict)):
        return given == stored
    return str(given)[:10] == stored.isoformat()[:10]
