"""`/twin/addresses`: candidates with a confidence, and never a silent first hit."""

from __future__ import annotations

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.schema.tables import refresh_statistics
from tests.databases import run_async
from tests.layers.schema.fixture import point
from tests.twin.service import serving
from twin.geocoding import search
from twin.geocoding.search import verdict_of

LIBRARY = {
    "A1": ("石牌街道", "龙口西路", "120", (100, 100)),
    "A2": ("石牌街道", "龙口西路", "122", (120, 100)),
    "A3": ("石牌街道", "龙口东路", "120", (300, 100)),
    "A4": ("冼村街道", "福安街", "5", (500, 100)),
    "A5": ("棠下街道", "福安街", "5", (700, 100)),
}


async def fill(url):
    connection = await connect(url, Role.OWNER)
    for name, (street, road, number, place) in LIBRARY.items():
        await connection.execute(
            """INSERT INTO layer.addresses (id, geom, address, street_name, road_name, house_number)
            VALUES ($1, ST_Transform($2::text::geometry, 4490), $3, $4, $5, $6)""",
            *(name, point(*place), f"广州市天河区{street}{road}{number}号", street, road, number),
        )
    await connection.execute(
        """INSERT INTO layer.events (id, source, title, address, stage, occurred_at)
        VALUES ('E1', 'hotline', '积水', '石牌街道龙口西路120号', 'file', now()),
            ('E2', 'hotline', '积水', NULL, 'file', now())"""
    )
    for layer in (await read_catalog(connection)).values():
        await refresh_statistics(connection, layer.definition)
    await connection.close()


@pytest.fixture(scope="module")
def library(cluster, fixture_url):
    with serving(cluster, fixture_url, fill) as running:
        yield running


def found(library, q, **how):
    answer = library.json("/twin/addresses", q=q, **how)
    return answer["verdict"], [(one["id"], one["confidence"]) for one in answer["candidates"]]


@pytest.mark.parametrize(
    "q", ["龙口西路120号", "广州市天河区石牌街道龙口西路一百二十号", "石牌街道 龙口西路 １２０号 301房"]
)
def test_one_address_is_certain(library, q):
    assert found(library, q) == ("unique", [("A1", 1.0)])


def test_the_same_name_in_two_streets_is_ambiguous_until_the_street_is_named(library):
    assert found(library, "福安街5号") == ("ambiguous", [("A4", 1.0), ("A5", 1.0)])
    verdict, candidates = found(library, "棠下街道福安街5号")
    assert (verdict, candidates[0]) == ("unique", ("A5", 1.0))


def test_a_road_alone_or_an_unknown_number_is_never_certain(library):
    for q in ("龙口西路", "龙口西路999号"):
        verdict, candidates = found(library, q)
        assert verdict == "ambiguous"
        assert {name for name, _ in candidates} >= {"A1", "A2"}


def test_a_misspelt_road_is_found_by_what_it_has_in_common(library):
    verdict, candidates = found(library, "龙口酉路120号")
    assert verdict == "ambiguous"
    assert candidates[0][0] in {"A1", "A3"}
    assert all(confidence < 0.9 for _, confidence in candidates)


def test_nothing_is_like_it(library):
    assert found(library, "鳌头镇鹿田村") == ("none", [])


@pytest.mark.parametrize(
    ("confidences", "verdict"),
    [([], "none"), ([1.0], "unique"), ([0.89], "ambiguous"), ([1.0, 0.95], "ambiguous"), ([0.95, 0.8], "unique")],
)
def test_the_verdict_needs_a_lead(confidences, verdict):
    assert verdict_of(confidences) == verdict


def test_where_not_all_were_compared_none_is_certain(library, monkeypatch):
    assert library.json("/twin/addresses", q="福安街5号")["complete"] is True
    monkeypatch.setattr(search, "_POOL_MAX", 1)  # it would be the only one of that name
    answer = library.json("/twin/addresses", q="福安街5号")
    assert (answer["verdict"], answer["complete"]) == ("ambiguous", False)


def test_an_event_without_a_place_has_candidates_and_a_person_chooses(library):
    answer = library.json("/twin/incomplete/E1/addresses")
    assert (answer["verdict"], answer["candidates"][0]["id"]) == ("unique", "A1")
    assert library.ask("/twin/incomplete/E2/addresses").status_code == 400
    assert library.ask("/twin/incomplete/E9/addresses").status_code == 404
    assert library.ask("/twin/incomplete/E1/addresses", actor="anonymous").status_code == 403


def test_a_reader_without_the_layer_finds_nothing(library):
    assert library.ask("/twin/addresses", q="龙口西路120号", actor="public").status_code == 404
    assert library.ask("/twin/addresses", q="", actor="operator").status_code == 400


def test_the_index_finds_pairs_of_characters(library):
    """The plan, where the planner may not walk through the table."""

    async def plan():
        connection = await connect(library.url, Role.OWNER)
        await connection.execute("SET enable_seqscan = off")
        rows = await connection.fetch(
            "EXPLAIN SELECT id FROM layer.addresses WHERE onemap.bigrams(address) && '{龙口}'"
        )
        await connection.close()
        return "\n".join(row[0] for row in rows)

    assert "addresses_grams_idx" in run_async(plan())
