from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.clause import EMPTY, GEOMETRY, Clause, all_of, bind, compose, join, quote_identifier, quote_literal

values = st.one_of(st.integers(), st.text(), st.none())
clauses = st.lists(values, min_size=1, max_size=4).map(
    lambda vs: Clause(" + ".join(f"?{i}::text" for i in range(len(vs))), tuple(vs))
)


@given(st.lists(clauses, min_size=1, max_size=5))
def test_every_mark_points_at_its_own_value_after_composing(parts):
    text, bound = compose(" OR ".join("{}" for _ in parts), *parts).render()
    marks = [int(m) for m in re.findall(r"\$(\d+)", text)]
    expected = [value for part in parts for value in part.values]
    assert [bound[m - 1] for m in marks] == expected


mixed = st.lists(st.tuples(st.sampled_from([0, 1, True, "0", "a", None, 1.0]), st.sampled_from(["text", "bigint", ""])))


@given(mixed)
def test_shared_values_are_the_same_and_each_of_a_type_is_bound_once(pairs):
    parts = [Clause(f"f(?0::{cast})" if cast else "f(?0)", (value,)) for value, cast in pairs]
    text, bound = compose(" ".join("{}" for _ in parts), *parts).render_shared()
    found = re.findall(r"\$(\d+)(?:::([a-z]+))?", text)
    assert [(bound[int(n) - 1], type(bound[int(n) - 1]), cast) for n, cast in found] == [
        (value, type(value), cast) for value, cast in pairs
    ]
    typed = {(type(value), value, cast) for value, cast in pairs if cast and isinstance(value, int | str)}
    assert len(bound) == len(typed) + sum(not (cast and isinstance(value, int | str)) for value, cast in pairs)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_quoted_name_ends_where_it_should(name):
    quoted = quote_identifier(name)
    assert quoted[0] == quoted[-1] == '"'
    assert quoted[1:-1].replace('""', "") == name.replace('"', "")


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_names_postgresql_cannot_hold_are_refused(name):
    with pytest.raises(ValueError, match="not a name"):
        quote_identifier(name)


def test_values_never_enter_the_text():
    text, bound = all_of([bind("'; DROP TABLE x --", "text"), EMPTY, Clause("f.a = ?0", (1,))]).render()
    assert text == "($1::text) AND (f.a = $2)"
    assert bound == ("'; DROP TABLE x --", 1)


def test_empty_clauses_vanish():
    assert not join(" AND ", [EMPTY, EMPTY])
    assert all_of([EMPTY]).text == "TRUE"


def test_literal_doubles_quotes():
    assert quote_literal("it's") == "'it''s'"


def test_a_clause_composed_of_the_geometry_reads_it():
    near = compose("{} && {}", GEOMETRY, bind("b", "geometry"))
    assert all_of([Clause("f.a = 1"), near]).reads_geometry
    assert not all_of([Clause("f.a = 1"), EMPTY]).reads_geometry
