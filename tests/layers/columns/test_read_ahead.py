"""Reading ahead changes when rows are read, and nothing else."""

from __future__ import annotations

import threading
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.columns.read_ahead import read_ahead


def never() -> None:
    raise AssertionError("nobody left before the end")


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "read-ahead"]


@given(st.lists(st.integers()), st.integers(1, 5))
def test_all_rows_come_in_their_order(rows, most):
    assert list(read_ahead(iter(rows), most, never)) == rows
    assert not threads()


@given(st.lists(st.integers(), max_size=8), st.integers(1, 5))
def test_a_fault_comes_in_its_place(rows, most):
    def failing():
        yield from rows
        raise ValueError("torn")

    stream = read_ahead(failing(), most, never)
    assert list(islice(stream, len(rows))) == rows
    with pytest.raises(ValueError, match="torn"):
        next(stream)
    assert not threads()


@given(st.integers(1, 5), st.integers(1, 20))
def test_no_more_is_held_than_allowed(most, taken):
    read = []

    def rows():
        for number in range(1_000):
            read.append(number)
            yield number

    stream = read_ahead(rows(), most, lambda: None)
    assert list(islice(stream, taken)) == list(range(taken))
    stream.close()
    assert len(read) <= taken + most + 1  # one more is in the hand of the thread
    assert not threads()


def test_who_leaves_interrupts_a_read_that_waits():
    waits = threading.Event()

    def rows():
        yield 1
        assert waits.wait(timeout=30)
        yield 2

    stream = read_ahead(rows(), 4, waits.set)
    assert next(stream) == 1
    stream.close()
    assert not threads()
