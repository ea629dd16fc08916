"""A district's own definitions and code lists are in a folder of its own, and take effect without a restart."""

from __future__ import annotations

import asyncio

import pytest

from layers.catalog import read_catalog
from layers.catalog_holder import CatalogHolder
from layers.database.connection import connect
from layers.definition import read_code_lists
from layers.errors import BadInput
from layers.schema.code_lists import read_stored_code_lists
from layers.schema.tables import sync_definitions
from server.processes.definitions_job import DefinitionsJob
from tests.twin.waiting import until

pytestmark = pytest.mark.anyio
KIOSKS = """
id: kiosks
title_zh: 岗亭
title_en: Kiosks
geometry_type: Point
grade: 1
fields:
  - {name: state, title_zh: 状态, title_en: State, type: string, codes: kiosk_state}
"""
STATES = """
id: kiosk_state
title_zh: 岗亭状态
title_en: State of a kiosk
standard: own
standard_version: "2026"
codes:
  - {code: "1", label_zh: 开, label_en: open}
"""


@pytest.fixture
async def connection(database_url):
    opened = await connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "layers"
    (folder / "codes").mkdir(parents=True)
    (folder / "kiosks.yaml").write_text(KIOSKS, encoding="utf-8")
    (folder / "codes" / "kiosk_state.yaml").write_text(STATES, encoding="utf-8")
    return folder


async def test_what_the_files_say_comes_back_from_the_database(database_url, connection, own):
    await sync_definitions(database_url, own)
    assert await read_stored_code_lists(connection) == read_code_lists(own=own / "codes")
    assert (await read_catalog(connection))["kiosks"].definition.by_name["state"].codes == "kiosk_state"
    assert await sync_definitions(database_url, own) == []


async def test_a_running_process_sees_a_file_that_is_written_changed_and_removed(database_url, connection, own):
    await sync_definitions(database_url)
    holder = CatalogHolder(database_url)
    await holder.start()
    job = asyncio.create_task(DefinitionsJob(database_url, own).run())
    try:
        await until(lambda: "kiosks" in holder.current and "kiosk_state" in holder.current.code_lists)
        (own / "kiosks.yaml").write_text(KIOSKS.replace("岗亭", "警务岗亭"), encoding="utf-8")
        await until(lambda: holder.current["kiosks"].definition.title_zh == "警务岗亭")
        (own / "codes" / "kiosk_state.yaml").write_text(STATES.replace("开", "开放"), encoding="utf-8")
        await until(lambda: holder.current.code_lists["kiosk_state"].codes[0].label_zh == "开放")
        (own / "kiosks.yaml").unlink()
        declared = "SELECT declared FROM onemap.layer WHERE id = 'kiosks'"

        async def is_free() -> bool:
            return await connection.fetchval(declared) is False

        await until(is_free)
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await holder.stop()


async def test_a_file_of_a_shipped_id_takes_its_place(database_url, connection, own):
    (own / "vehicles.yaml").write_text(KIOSKS.replace("kiosks", "vehicles"), encoding="utf-8")
    await sync_definitions(database_url, own)
    assert (await read_catalog(connection))["vehicles"].definition.title_zh == "岗亭"


async def test_a_file_with_a_fault_changes_nothing_and_says_which(database_url, connection, own):
    await sync_definitions(database_url, own)
    (own / "broken.yaml").write_text("id: broken\nfields: [}", encoding="utf-8")
    (own / "kiosks.yaml").write_text(KIOSKS.replace("岗亭", "别的"), encoding="utf-8")
    with pytest.raises(BadInput, match=r"broken\.yaml"):
        await sync_definitions(database_url, own)
    assert (await read_catalog(connection))["kiosks"].definition.title_zh == "岗亭"
