"""Masks: SQL and memory agree on any text, and neither shows more than the mask says."""

from __future__ import annotations

import asyncio
import hmac
import re
from datetime import UTC, datetime

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.database.connection import Role, connect
from layers.read.masks import mask_column, mask_time, mask_value
from tests.databases import run_async, temporary_database

MASKS = ("name", "phone", "id_number", "plate", "address")
SHOWN = {"name": 1, "phone": 7, "id_number": 10, "plate": 5}
characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
texts = st.text(characters, max_size=24) | st.text("天河路号楼栋座街0123A单元房室层", max_size=16)


@pytest.fixture(scope="module")
def run(cluster, template):
    with temporary_database(cluster, template) as url, asyncio.Runner() as runner:
        connection = runner.run(connect(url, Role.READ))
        yield lambda text, *values: runner.run(connection.fetchval(text, *values))
        runner.run(connection.close())


quick = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


@quick
@given(texts)
def test_sql_and_memory_mask_alike(run, text):
    columns = ", ".join(mask_column(mask, "x.y") for mask in MASKS)
    assert run(f"SELECT ARRAY[{columns}] FROM (SELECT $1::text AS y) AS x", text) == [
        mask_value(mask, text) for mask in MASKS
    ]


@quick
@given(texts, st.sampled_from(MASKS))
def test_a_mask_of_what_is_masked_changes_nothing(text, mask):
    once = mask_value(mask, text)
    assert mask_value(mask, once) == once


@quick
@given(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="*\0"), max_size=30),
    st.sampled_from(list(SHOWN)),
)
def test_no_more_characters_are_shown_than_the_mask_says_and_of_short_values_none(text, mask):
    shown = mask_value(mask, text).replace("*", "")
    assert len(shown) <= SHOWN[mask]
    assert len(shown) < len(text) or not text
    if len(text) <= SHOWN[mask]:
        assert not shown


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        ("name", "张三", "张**"),
        ("name", "张", "*"),
        ("phone", "13812341234", "138****1234"),
        ("phone", "12345", "****"),
        ("id_number", "440106199001011234", "440106********1234"),
        ("plate", "A12123", "**"),
        ("plate", "粤A12B123", "粤A**123"),
        ("address", "天河路123号5栋601房", "天河路123号5栋"),
        ("address", "天河路123号5号楼2单元601", "天河路123号5号楼"),
        ("address", "天河路123号601房", "天河路123号"),
        ("address", "体育西路601房", "体育西路"),
        ("address", "601", "**"),
    ],
)
def test_masks_by_example(mask, value, shown):
    assert mask_value(mask, value) == shown


@quick
@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["hour", "day"]))  # noqa: DTZ001
def test_times_are_cut_in_local_time(run, moment, mask):
    at = moment.replace(tzinfo=UTC)
    column = mask_column(mask, "x.y", "datetime")
    assert run(f"SELECT {column} FROM (SELECT $1::timestamptz AS y) AS x", at) == mask_time(mask, at)


def test_a_class_of_stock_tells_whether_there_is_any(run):
    column = mask_column("stock_class", "x.y", "number")
    found = run(
        f"SELECT array_agg({column} ORDER BY n) FROM unnest($1::float8[]) WITH ORDINALITY AS x (y, n)", [0, 3, None]
    )
    assert found == ["无", "有", None]


def test_a_pseudonym_is_the_same_all_day_and_its_key_is_out_of_reach(run):
    shown = mask_column("pseudonym", "x.y")
    found = run(f"SELECT array_agg({shown}) FROM unnest(ARRAY['李四', '李四', '王五']) AS x (y)")
    assert found[0] == found[1] != found[2]
    assert all(re.fullmatch("p[0-9a-f]{16}", one) for one in found)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run("SELECT inner_key FROM onemap.pseudonym_key")


def test_a_pseudonym_is_an_hmac(cluster, template):
    async def both(url):
        owner = await asyncpg.connect(url)
        row = await owner.fetchrow(
            "SELECT k.*, onemap.pseudonym('李四') AS shown, (now() AT TIME ZONE 'Asia/Shanghai')::date::text AS day"
            " FROM onemap.pseudonym_key AS k"
        )
        await owner.close()
        return row

    with temporary_database(cluster, template) as url:
        row = run_async(both(url))
    key = bytes(byte ^ 0x36 for byte in row["inner_key"])
    assert row["shown"] == "p" + hmac.new(key, f"{row['day']} 李四".encode(), "sha256").hexdigest()[:16]
