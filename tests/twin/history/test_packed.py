"""Columns that are packed into one row are those of the rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.database.connection import Role, connect
from tests.databases import run_async
from twin.history.packed import pack, unpack

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = {"at": "time", "value": "number", "n": "integer", "said": "text"}
ROWS = "SELECT * FROM unnest($1::timestamptz[], $2::float8[], $3::bigint[], $4::text[]) AS r (at, value, n, said)"
_row = st.tuples(
    st.integers(-(10**15), 10**16).map(lambda number: EPOCH + timedelta(microseconds=number)),
    st.none() | st.floats(allow_nan=False),
    st.integers(-(2**63), 2**63 - 1),
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
)


@pytest.mark.parametrize("least", [0, 1])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_value_comes_back(template, least, data):
    rows = data.draw(st.lists(_row, min_size=least, max_size=20))

    async def work():
        connection = await connect(template, Role.READ)
        try:
            columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(KINDS)
            return unpack(KINDS, await connection.fetchrow(pack(KINDS, ROWS), *columns))
        finally:
            await connection.close()

    found = run_async(work())
    assert list(found) == list(KINDS)
    assert list(zip(*found.values(), strict=True)) == rows
