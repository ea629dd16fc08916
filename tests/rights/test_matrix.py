"""The leak matrix: no output lets a role tell apart two worlds that differ only in what it may not see.

Rules come from the shipped policy, layers and fields from the definitions, addresses from the routes of the server:
a new one is in the matrix by itself, and a route that the matrix does not know fails.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import pytest

from layers.definition import read_definitions
from layers.policy.read import read_policy
from server.settings import PROJECT
from tests.databases import run_async, temporary_database
from tests.rights.addresses import ENDLESS, OPERATORS, STATIC, of_all, of_layers, templates, together
from tests.rights.oracle import GEOM, seen
from tests.rights.roles import holder
from tests.rights.service import one_reader
from tests.rights.worlds import VARIED, put, worlds


@cache
def policy():
    return read_policy(PROJECT / "config" / "policy")


@cache
def definitions():
    return read_definitions()


def test_every_route_is_in_the_matrix(layers_url):
    actor = holder(policy(), "anonymous")
    rows, _ = worlds(definitions(), actor)
    known = {*of_layers(definitions(), rows), *of_all(definitions(), rows), *STATIC, *ENDLESS, *OPERATORS}
    with one_reader(layers_url, actor) as service:
        assert {*templates(service.app.routes)} - known == set()


def test_the_worlds_vary_what_the_rules_test():
    tested = {word for rule in policy().rules if rule.rows for word in _fields_of(rule.rows)}
    assert tested - {*VARIED, "grid_codes", "data_grade", "area_code", "grid_code"} == set()


def _fields_of(text):
    names = {field.name for definition in definitions().values() for field in definition.fields}
    return {word for word in text.replace("(", " ").replace(",", " ").replace(")", " ").split() if word in names}


ROLES = ("anonymous",)
"""Others follow; every role's statements run in tests/layers/read/test_every_role.py."""


@pytest.mark.parametrize("role", ROLES)
def test_no_output_tells_apart_what_a_role_may_not_see(role, cluster, template):
    actor = holder(policy(), role)
    pair = worlds(definitions(), actor)
    asked = together(of_layers(definitions(), pair[0]), of_all(definitions(), pair[0]))
    with ExitStack() as running:
        answers = []
        for rows in pair:
            url = running.enter_context(temporary_database(cluster, template))
            run_async(put(url, definitions(), rows))
            service = running.enter_context(one_reader(url, actor))
            answers.append(service.answers(asked))
            if not answers[1:]:
                _items_are_what_the_policy_says(service, actor, rows)
    differing = [address for address in asked if answers[0][address] != answers[1][address]]
    assert [_difference(address, *answers) for address in differing] == []
    assert not [address for address in asked if answers[0][address][0] >= 500]


def _difference(address, one, other):
    """Return where two answers part."""
    first, second = (str(world[address]) for world in (one, other))
    at = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    return address, first[max(0, at - 60) : at + 60], second[max(0, at - 60) : at + 60]


def _items_are_what_the_policy_says(service, actor, rows):
    for definition in definitions().values():
        expected = {row["id"]: how for row in rows[definition.id] if (how := seen(actor, definition, row))}
        answer = service.json_or_none(f"/ogc/collections/{definition.id}/items?limit=100&f=json")
        features = {feature["id"]: feature for feature in (answer or {"features": []})["features"]}
        assert features.keys() == expected.keys(), definition.id
        for row in rows[definition.id]:
            if row["id"] in expected:
                _is_shown_as(features[row["id"]], row, expected[row["id"]], definition)


def _is_shown_as(feature, row, how, definition):
    given = {name for name, value in feature["properties"].items() if value is not None}
    stored = {field.name for field in definition.stored_fields if not field.live and not field.refers_to}
    assert (given & stored) - how.fields.keys() == set(), row["id"]
    full = {name for name in stored if how.fields.get(name) == "full" and row[name] is not None}
    assert full - given == set(), row["id"]
    for name in full:
        assert _same(feature["properties"][name], row[name]), (row["id"], name)
    if GEOM in row and definition.geometry_type == "Point" and how.fields.get(GEOM) == "full":
        assert feature["geometry"]["coordinates"] == pytest.approx(row[GEOM], abs=1e-6)
    if GEOM not in how.fields:
        assert feature.get("geometry") is None


def _same(given, stored):
    if isinstance(stored, (str, bool, int, float, list, dict)):
        return given == stored
    return str(given)[:10] == stored.isoformat()[:10]
