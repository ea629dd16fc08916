"""Laws of the archived log: segments, gaps, and the commands of PostgreSQL as the shell runs them."""

from __future__ import annotations

import gzip
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.cluster.archive import (
    SEGMENT_BYTES,
    archive_command,
    archived_segments,
    missing_segments,
    obsolete_segments,
    restore_command,
    segment_of,
)

numbers = st.integers(1, 2**39)  # a place of the log has 64 bits
timelines = st.integers(1, 2**31)


def name(timeline: int, number: int) -> str:
    position = number * SEGMENT_BYTES
    return segment_of(timeline, f"{position >> 32:X}/{position & 0xFFFFFFFF:X}")


@given(timelines, numbers, st.integers(0, SEGMENT_BYTES - 1))
def test_every_place_of_a_segment_has_its_name_and_names_sort_as_the_log(timeline, number, offset):
    position = number * SEGMENT_BYTES + offset
    assert segment_of(timeline, f"{position >> 32:X}/{position & 0xFFFFFFFF:X}") == name(timeline, number)
    assert name(timeline, number) < name(timeline, number + 1)


@st.composite
def lives(draw):
    """Draw a log of some timelines: its first number, its length, and the lineage; a restore may begin anywhere."""
    first, length = draw(numbers), draw(st.integers(1, 40))
    turns = sorted(draw(st.sets(st.integers(first, first + length - 1), max_size=3)))
    known = sorted(draw(st.sets(timelines, min_size=len(turns) + 1, max_size=len(turns) + 1)))
    of = {timeline: name(timeline, turn) for timeline, turn in zip(known, turns, strict=False)}
    return first, length, turns, {**of, known[-1]: None}


@given(lives(), st.sets(st.integers(0, 39)), st.booleans())
def test_gaps_are_exactly_the_segments_that_were_taken_away(life, taken, keeps_former):
    first, length, turns, of = life
    timeline_of = {n: sorted(of)[sum(turn <= n for turn in turns)] for n in range(first, first + length)}
    whole = [name(timeline, number) for number, timeline in timeline_of.items()]
    kept = [segment for i, segment in enumerate(whole) if i not in taken]
    former = [left for left in of.values() if left] if keeps_former else []  # namesakes that the new life undid
    numbered = {segment[8:] for segment in (*kept, *former)}
    last = max((i for i, segment in enumerate(whole) if segment[8:] in numbered), default=0)
    expected = [segment for segment in whole[: last + 1] if segment not in kept]
    assert missing_segments([*kept, *former], whole[0], of) == expected


@given(st.lists(st.tuples(timelines, numbers), max_size=20), numbers)
def test_what_goes_is_before_the_first_segment_and_the_rest_stays(segments, first):
    names = [name(*one) for one in segments]
    gone = obsolete_segments(names, name(1, first))
    assert sorted(gone) == sorted(name(*one) for one in segments if one[1] < first)


def run(command: str, path, file: str, cwd) -> int:
    """Run a command as PostgreSQL does, in its data folder."""
    text = command.replace("%p", path).replace("%f", file).replace("%%", "%")
    return subprocess.run(["/bin/sh", "-c", text], cwd=cwd, capture_output=True, check=False).returncode


@pytest.mark.parametrize("folder", ["wal", "a b", "it's", "100%"])
def test_a_segment_is_archived_once_compared_afterwards_and_read_again(tmp_path, folder):
    archive, data = tmp_path / folder, tmp_path / "data"
    archive.mkdir()
    data.mkdir()
    segment = "000000010000000000000001"
    (data / segment).write_bytes(b"log" * 1000)
    assert run(archive_command(archive), segment, segment, data) == 0
    assert archived_segments(archive) == [segment]
    assert run(archive_command(archive), segment, segment, data) == 0, "the same segment again is no fault"
    (data / segment).write_bytes(b"other")
    assert run(archive_command(archive), segment, segment, data) != 0, "another content never replaces it"
    assert run(restore_command(archive), "again", segment, data) == 0
    assert (data / "again").read_bytes() == b"log" * 1000
    assert run(restore_command(archive), "none", "000000010000000000000002", data) != 0
    assert not (data / "none").exists()


def test_a_segment_that_was_cut_by_a_crash_is_written_anew(tmp_path):
    segment = "000000010000000000000001"
    (tmp_path / segment).write_bytes(b"whole")
    archive = tmp_path / "wal"
    archive.mkdir()
    (archive / f"{segment}.gz.part").write_bytes(b"ha")
    assert archived_segments(archive) == []
    assert run(archive_command(archive), segment, segment, tmp_path) == 0
    assert gzip.decompress((archive / f"{segment}.gz").read_bytes()) == b"whole"


def test_a_missing_folder_fails_so_that_the_log_stays_where_it_is(tmp_path):
    (tmp_path / "one").write_bytes(b"x")
    assert run(archive_command(tmp_path / "unmounted"), "one", "one", tmp_path) != 0
