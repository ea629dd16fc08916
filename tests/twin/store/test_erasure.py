"""A person is erased from every table, and nobody else is."""

from __future__ import annotations

import itertools
import json
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.database.connection import Role, connect
from layers.errors import BadInput, NotFound
from server.commands.purge import erase as erase_command
from tests.databases import run_async
from tests.twin.change_log import happened, write
from twin.connectors.drop_erasure import files_with
from twin.store.erasure import erase
from twin.store.erasure.columns import read_text_tables
from twin.store.erasure.erase import erase_person, find_person
from twin.store.erasure.terms import WORD, PersonTerms, person_terms

pytestmark = pytest.mark.anyio
NAME, PHONE, PLATE, WORKER = '王"小%明', "13800138000", "粤A12345", "W1"
OTHER = "王小亮 W10 13800138001"
TERMS = person_terms([NAME], [PHONE], [PLATE], [WORKER])
TOLD = f"{NAME} 138-0013-8000 {PHONE} {PLATE} {OTHER}"
AT = datetime(2026, 6, 8, tzinfo=UTC)


@pytest.fixture
async def owner(layers_url):
    connection = await connect(layers_url)
    yield connection
    await connection.close()


@pytest.fixture
async def filled(owner, layers_url):
    """Put the person, and another one, into every kind of store."""
    await owner.execute(
        """INSERT INTO layer.grid_workers (id, name, phone, data_grade, grid_codes, _known_since) VALUES
        ('W1', $1, $2, 3, '{g}', now() - interval '1 day'), ('W10', '王小亮', '13800138001', 3, '{g}', now())""",
        NAME, PHONE,
    )  # fmt: skip
    await owner.execute("UPDATE layer.grid_workers SET on_duty = true")
    await owner.execute(
        """INSERT INTO layer.grids (id, grid_code, worker_ids, grid_head_id, data_grade)
        VALUES ('g', 'g', '{W1,W10}', 'W1', 2)"""
    )
    await owner.execute(
        """INSERT INTO layer.events (id, source, title, description, handler_id, extra, data_grade)
        VALUES ('e', 'hotline', $1, $1, 'W1', $2::jsonb, 2)""",
        TOLD, json.dumps({"caller": NAME, "worker": "W1", "other": OTHER}),
    )  # fmt: skip
    await owner.execute("INSERT INTO layer.vehicles (id, plate_no, data_grade) VALUES ('v', $1, 3)", PLATE)
    for table, columns in {
        "twin.event_version (event_id, phenomenon_time, source_version, message, record)": ("e", AT, 1, "m", "{}"),
        "twin.feature_change (layer, id, phenomenon_time, rank, change, record, feed_source)":
            ("grid_workers", "W1", AT, "r", "upsert", "{}", "f"),
        "twin.exercise (feed, mode, kind, layer, feature_id, phenomenon_time, message)":
            ("f", "test", "event", "events", "x", AT, "{}"),
        "onemap.quarantine (layer, source, reason, record)": ("events", "f.csv", "r", "{}"),
    }.items():  # fmt: skip
        filled = [json.dumps({"said": TOLD, "by": "W1"}) if value == "{}" else value for value in columns]
        marks = ", ".join(f"${n}" for n in range(1, len(filled) + 1))
        await owner.execute(f"INSERT INTO {table} VALUES ({marks})", *filled)
    json_forms = [json.dumps(TOLD, ensure_ascii=False).encode(), json.dumps(TOLD).encode(), b'{"by":"W1"}']
    for raw in (*json_forms, TOLD.encode("gb18030"), OTHER.encode()):
        await owner.execute(
            "INSERT INTO twin.refused (feed, reason, detail, message) VALUES ('f', 'r', $1, $2)", TOLD, raw
        )
    for worker in ("W1", "W10"):
        await owner.execute(
            "INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat) VALUES ('grid_workers', $1, $2, 1, 1)",
            worker,
            AT,
        )
    await write(layers_url, happened("e", title=TOLD), happened("e2", handler_id="W1"), happened("e3", title=OTHER))
    return owner


async def standing(connection):
    """Return where any value of the person stands, by reading every row of every table as text."""
    tables = await connection.fetch(
        """SELECT c.oid::regclass::text FROM pg_class AS c WHERE relkind = 'r'
        AND relnamespace::regnamespace::text IN ('layer', 'past', 'twin', 'onemap')"""
    )
    forms = [*TERMS.values, *(json.dumps(NAME, ensure_ascii=False)[1:-1],), json.dumps(NAME)[1:-1]]
    hexes = [form.encode().hex() for form in forms] + [NAME.encode("gb18030").hex(), b'"W1"'.hex()]
    found = {}
    for (table,) in tables:
        rows = await connection.fetchval(
            f"""SELECT count(*) FROM {table} AS t
            WHERE EXISTS (SELECT FROM unnest($1::text[]) AS f WHERE position(f IN t::text) > 0)
            OR t::text ~ '(^|[^[:alnum:]])W1([^[:alnum:]]|$)'""",
            forms + hexes,
        )
        if rows:
            found[table] = rows
    return found


async def test_nothing_of_the_person_is_left_anywhere_and_the_other_stays(filled):
    before = await standing(filled)
    assert len(before) >= 9, before
    found = await find_person(filled, TERMS, [("grid_workers", WORKER)])
    assert found.features == 1
    assert {
        "layer.events.description",
        "twin.refused.message",
        "twin.change",
        "onemap.quarantine.record",
    } <= found.rows.keys()
    assert await standing(filled) == before
    await erase_person(filled, TERMS, [("grid_workers", WORKER)])
    assert await standing(filled) == {}
    assert (await find_person(filled, TERMS, [("grid_workers", WORKER)])).total == 0
    event = await filled.fetchrow("SELECT * FROM layer.events")
    assert event["description"] == f"{WORD} {WORD} {WORD} {WORD} {OTHER}"
    assert (event["handler_id"], json.loads(event["extra"])["other"]) == (None, OTHER)
    grid = await filled.fetchrow("SELECT worker_ids, grid_head_id FROM layer.grids")
    assert (grid["worker_ids"], grid["grid_head_id"]) == (["W10"], None)
    assert await filled.fetchval("SELECT array_agg(id) FROM layer.grid_workers") == ["W10"]
    assert await filled.fetchval("SELECT array_agg(id) FROM twin.position") == ["W10"]
    numbers = await filled.fetch("SELECT first_seq, last_seq FROM twin.change ORDER BY last_seq")
    assert all(one["first_seq"] == before["last_seq"] + 1 for before, one in itertools.pairwise(numbers))
    log = b"".join(await filled.fetchval("SELECT array_agg(changes) FROM twin.change"))
    assert OTHER.encode() in log
    assert await filled.fetchval("SELECT count(*) FROM twin.refused WHERE message = $1", OTHER.encode()) == 1


@pytest.mark.parametrize("tables", [0, 12, 30])
async def test_cut_off_anywhere_the_same_call_ends_it(filled, layers_url, monkeypatch, tables):
    """A lost connection is what the database sees of kill -9."""
    left = [tables]
    whole = erase.erase_values

    async def cut(connection, *args):
        if not left[0]:
            connection.terminate()
        left[0] -= 1
        return await whole(connection, *args)

    monkeypatch.setattr(erase, "erase_values", cut)
    victim = await connect(layers_url)
    with pytest.raises(Exception, match=r"closed|terminat|lost"):
        await erase_person(victim, TERMS, [("grid_workers", WORKER)])
    monkeypatch.setattr(erase, "erase_values", whole)
    await erase_person(filled, TERMS, [("grid_workers", WORKER)])
    assert await standing(filled) == {}


async def test_a_value_in_the_name_of_a_feature_is_told_and_not_torn_out(owner):
    await owner.execute("INSERT INTO layer.vehicles (id, data_grade) VALUES ($1, 3)", PLATE)
    found = await find_person(owner, TERMS)
    assert (found.rows, found.keys) == ({"twin.change": 1}, {"layer.vehicles.id": 1})
    await erase_person(owner, TERMS)
    assert (await find_person(owner, TERMS)).keys == {"layer.vehicles.id": 1}
    await erase_person(owner, TERMS, [("vehicles", PLATE)])
    assert (await find_person(owner, TERMS)).keys == {}


async def test_every_layer_and_its_past_share_a_transaction(owner):
    for together in await read_text_tables(owner):
        assert {table.schema for table in together} in ({"layer", "past"}, {"layer"}, {"twin"}, {"onemap"})
        assert len({table.name for table in together}) == 1


async def test_an_unknown_layer_is_refused(owner):
    with pytest.raises(NotFound):
        await erase_person(owner, PersonTerms(), [("no_layer", "x")])


@pytest.mark.parametrize("given", [{"names": ["王"]}, {"phones": ["138"]}, {"plates": ["粤A"]}, {"ids": [" "]}])
def test_a_value_that_is_everywhere_is_refused(given):
    with pytest.raises(BadInput, match="to erase has"):
        person_terms(**given)


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_value_is_found_wherever_it_is_nested(document):
    assert TERMS.stands_in([document, {"a": [f"x{NAME}y"]}])
    assert TERMS.stands_in({"a": document, "b": WORKER})
    assert not PersonTerms(ids=("W1\x00",)).stands_in(document)


def test_files_that_were_put_away_are_found_in_every_encoding(tmp_path):
    done = tmp_path / "drops" / "roads" / "done"
    done.mkdir(parents=True)
    (done / "utf8.csv").write_text(f"a,{PHONE}\n")
    (done / "gb.csv").write_bytes(f"a,{NAME}\n".encode("gb18030"))
    (done / "other.csv").write_text(OTHER)
    with zipfile.ZipFile(done / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sharedStrings.xml", f"<t>{PLATE}</t>")
    assert [path.name for path in files_with(tmp_path, TERMS)] == ["book.xlsx", "gb.csv", "utf8.csv"]


def test_the_command_shows_first_then_erases_and_leaves_numbers_in_the_audit(layers_url, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ONEMAP_DATABASE_URL", layers_url)
    done = tmp_path / "drops" / "f" / "done"
    done.mkdir(parents=True)
    (done / "a.csv").write_text(PHONE)
    (tmp_path / "tiles" / "a9").mkdir(parents=True)
    run_async(put_event(layers_url))
    who = {"name": ["王小明"], "phone": [PHONE], "home": tmp_path}
    erase_command(**who, dry_run=True)
    assert "layer.events.title" in capsys.readouterr().out
    assert (done / "a.csv").exists()
    erase_command(**who, yes=True)
    assert not (done / "a.csv").exists()
    assert not (tmp_path / "tiles").exists()
    erase_command(**who, yes=True)
    assert "nothing was found" in capsys.readouterr().out
    title, records = run_async(title_and_audit(layers_url))
    assert title == f"{WORD} {WORD}"
    assert sum('"erase"' in record for record in records) == 2
    assert not any(PHONE in record or "王小明" in record for record in records)


async def put_event(url):
    connection = await connect(url)
    await connection.execute(
        "INSERT INTO layer.events (id, source, title, data_grade) VALUES ('e', 'hotline', $1, 2)", f"王小明 {PHONE}"
    )
    await connection.close()


async def title_and_audit(url):
    owner, auditor = await connect(url), await connect(url, Role.AUDITOR)
    title = await owner.fetchval("SELECT title FROM layer.events")
    records = [row["body"] for row in await auditor.fetch("SELECT body FROM audit.record")]
    await owner.close()
    await auditor.close()
    return title, records
