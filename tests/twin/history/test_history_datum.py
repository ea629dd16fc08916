"""Tracks and rows of history in GCJ-02 and BD-09."""

from __future__ import annotations

import pytest

from layers.coordinates.datum import DATUMS
from tests.twin.answer_datum import OF_HISTORY, assert_declared, assert_same, read_answer


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize("path", [path for paths in OF_HISTORY.values() for path in paths])
def test_history(history, path, datum):
    plain, shifted = history.ask(path), history.ask(f"{path}&answer_crs={datum}")
    assert shifted.status_code == 200, shifted.text
    f = "csv" if "f=csv" in path else "json"
    assert_same(read_answer(plain.content, f), read_answer(shifted.content, f), datum)
    assert_declared(shifted, datum)


def test_a_stream_of_all_rows_is_refused(history):
    answer = history.ask("/twin/positions?limit=all&answer_crs=gcj02")
    assert answer.status_code == 400
    assert "ask for pages" in answer.text
