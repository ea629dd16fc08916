from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import bind, compose
from layers.definition import FieldDefinition, LayerDefinition
from layers.layer_rights import rights_of
from layers.read.rights import in_areas, lies_in_areas, row_scope
from tests.sources import python_files

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]

MAY_READ_AREAS = {
    "layers/actor.py",  # the class itself
    "layers/layer_rights.py",  # what an actor may do with a layer
    "layers/read/caller.py",  # rules may name the areas of the caller
    "layers/read/scope.py",  # areas that an actor reaches
    "twin/live/visibility.py",  # channels are found by the areas of their actors
    "server/audit/request_record.py",  # who asked, as the audit records it
}
MAY_READ_CLEARANCE = {
    "layers/actor.py",
    "layers/identity/labels.py",  # the labels of a token
    "layers/layer_rights.py",  # what an actor may do with a layer
    "layers/policy/policy.py",  # the clearance of a role
    "layers/sql_readers/readers.py",  # the labels of who reads in SQL, which have a limit
    "layers/demo/accounts.py",  # the roles of the demo
    "twin/aggregate/answer.py",  # counts of persons
    "twin/outlets/definition.py",  # the rights an outlet is given
}


def _readers(attribute: str, packages: tuple[str, ...]) -> set[str]:
    found = set()
    for path in python_files(*packages):
        text = path.read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(text)) if f".{attribute}" in text else ()
        if any(isinstance(node, ast.Attribute) and node.attr == attribute for node in nodes):
            found.add(str(path.relative_to(ROOT)))
    return found


def test_areas_of_an_actor_are_read_where_rights_are_applied_and_nowhere_else():
    assert _readers("area_prefixes", ("layers", "twin", "tiles", "server")) <= MAY_READ_AREAS


def test_the_clearance_of_an_actor_is_read_where_rights_are_applied_and_nowhere_else():
    below_http = ("layers", "twin", "tiles")  # routes of operators ask for a clearance by themselves
    assert _readers("clearance", below_http) <= MAY_READ_CLEARANCE


async def test_rows_and_changes_are_kept_to_areas_alike(reader):
    random = Random(20200505)
    digits = lambda least, most: "".join(random.choices("01", k=random.randint(least, most)))  # noqa: E731
    places = [(digits(0, 12), digits(0, 15)) for _ in range(300)]
    for _ in range(60):
        prefixes = [digits(1, random.choice([3, 15])) for _ in range(random.randint(1, 4))]
        scope = in_areas(prefixes, {"area_code", "grid_code"})
        text, values = compose(
            """SELECT f.n FROM unnest({}, {}) WITH ORDINALITY AS f (area_code, grid_code, n) WHERE {}""",
            *(bind([place[k] for place in places], "text[]") for k in range(2)),
            scope,
        ).render()
        found = {row["n"] for row in await reader.fetch(text, *values)}
        assert found == {n for n, place in enumerate(places, 1) if lies_in_areas(prefixes, *place)}


@pytest.mark.parametrize("known", [(), ("area_code",), ("area_code", "grid_code"), ("grid_code",)])
@pytest.mark.parametrize("grade", [1, 3])
def test_bound_actors_keep_what_is_public_and_see_nothing_else_of_a_layer_without_areas(known, grade):
    fields = tuple(FieldDefinition(name=name, title_zh=name, title_en=name, type="string") for name in known)
    layer = LayerDefinition(id="a", title_zh="a", title_en="a", geometry_type="None", grade=grade, fields=fields)
    actor = Actor("bound", 4, ("440106011",))
    places = {(case.grade, case.prefixes) for case in rights_of(layer, actor).cases}
    own, public = {(4, ("440106011",))} if known else set(), {(1, None)} if known else {(4, None)}
    assert places == own | (public if grade == 1 else set())
    scope = row_scope(Layer(layer, 1, datetime.now(UTC)), actor).text
    assert scope == "" if grade == 1 else ("_code" in scope if known else scope == "FALSE")
