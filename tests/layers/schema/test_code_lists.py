"""Code lists: well formed as files, and the same in the database."""

from __future__ import annotations

import re

import pytest

from layers.database.connection import Role, connect
from layers.definition import read_code_lists
from layers.schema.code_lists import read_stored_code_lists, sync_code_lists
from layers.schema.tables import sync_definitions

LISTS = read_code_lists()


@pytest.mark.parametrize("code_list", LISTS.values(), ids=LISTS)
def test_list_is_well_formed(code_list):
    codes = [c.code for c in code_list.codes]
    assert len(codes) == len(set(codes)) > 1
    assert code_list.standard
    assert code_list.standard_version
    assert re.search(r"[\u4e00-\u9fff]", code_list.title_zh)
    for code in code_list.codes:
        assert code.label_zh
        assert code.label_en.isascii()
        assert code.parent is None or code.parent in codes
        assert code.color is None or re.fullmatch("#[0-9a-f]{6}", code.color)


def test_colours_of_the_air_quality_standard():
    assert [c.color for c in LISTS["aqi_level"].codes] == [
        f"#{r:02x}{g:02x}{b:02x}"
        for r, g, b in [(0, 228, 0), (255, 255, 0), (255, 126, 0), (255, 0, 0), (153, 0, 76), (126, 0, 35)]
    ]


def test_warning_colours_differ_by_province():
    """Guangdong's rainstorm has no blue, its typhoon has white."""
    colours = {name: [c.code for c in LISTS[name].codes] for name in LISTS if name.startswith("warning_")}
    assert colours["warning_rainstorm_cn"] == ["blue", "yellow", "orange", "red"]
    assert colours["warning_rainstorm_gd"] == ["yellow", "orange", "red"]
    assert colours["warning_typhoon_gd"] == ["white", "blue", "yellow", "orange", "red"]
    assert all(c.color for name in colours if name != "warning_event_type" for c in LISTS[name].codes)


@pytest.mark.anyio
async def test_database_has_what_the_files_say(connection):
    assert await sync_code_lists(connection) == sum(len(code_list.codes) for code_list in LISTS.values())
    assert await read_stored_code_lists(connection) == LISTS
    await sync_code_lists(connection)
    assert await read_stored_code_lists(connection) == LISTS


@pytest.mark.anyio
async def test_dropped_code_keeps_its_meaning_and_may_come_back(connection):
    bank = LISTS["bank"]
    shorter = bank.model_copy(update={"codes": bank.codes[:2]})
    await sync_code_lists(connection, {"bank": bank})
    await sync_code_lists(connection, {"bank": shorter})
    assert await read_stored_code_lists(connection) == {"bank": shorter}
    row = await connection.fetchrow("SELECT * FROM onemap.code_list WHERE code = 'mid'")
    assert row["label_zh"] == "河中"
    assert row["valid_to"] is not None
    await sync_code_lists(connection, {"bank": bank})
    assert await read_stored_code_lists(connection) == {"bank": bank}


@pytest.mark.anyio
async def test_code_lists_come_with_the_definitions(database_url):
    await sync_definitions(database_url)
    connection = await connect(database_url, Role.READ)
    try:
        assert await read_stored_code_lists(connection) == LISTS
    finally:
        await connection.close()
