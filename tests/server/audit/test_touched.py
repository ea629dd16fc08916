"""The note of an answer: what is told of a layer in parts adds up."""

from __future__ import annotations

from datetime import UTC, datetime

from layers.actor import Actor
from layers.catalog import Layer
from layers.definition import read_definitions
from layers.layer_statistics import Statistics
from layers.moment import Moment
from server.audit.touched import begin_note, count_rows, touch

OFFICER = Actor("officer", 3)


def test_features_of_a_layer_add_up_and_the_highest_grade_counts():
    layer = Layer(read_definitions()["video_points"], 1, datetime(2026, 6, 8, tzinfo=UTC))
    note = begin_note()
    touch(layer, OFFICER, fields=False)
    low = note.taken["video_points"].grade
    touch(layer, OFFICER, rows=400)
    touch(layer, OFFICER, fields=False)
    count_rows(700, "video_points")
    taken = note.taken["video_points"]
    assert taken.features == 1100
    assert taken.grade >= low


def test_the_field_of_a_sum_is_named_and_no_other():
    layer = Layer(read_definitions()["emergency_resources"], 1, datetime(2026, 6, 8, tzinfo=UTC))
    note = begin_note()
    touch(layer, OFFICER, fields=False)
    assert note.fields == ()
    touch(layer, OFFICER, fields=False, computed=("quantity", "beds_total"))
    assert note.fields == ("emergency_resources.quantity",)
    assert (note.max_grade, note.taken["emergency_resources"].grade) == (3, 3)


def test_the_past_counts_by_what_a_reader_may_see_and_not_by_the_rows_of_today():
    today = Statistics(10, None, None)
    layer = Layer(read_definitions()["buildings"], 1, datetime(2026, 6, 8, tzinfo=UTC), by_grade={1: today})
    grades = {}
    for moment in (None, Moment(datetime(2026, 6, 1, tzinfo=UTC), "known")):
        note = begin_note()
        touch(layer.as_of(moment), OFFICER, rows=1, properties=())
        grades[moment is None] = note.taken["buildings"].grade
    assert grades == {True: 1, False: 3}  # a row may have been of grade 3 then
