"""What leaves a reader's rows is taken off its stream, and nobody else hears of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.policy.policy import Policy
from tests.layers.cameras import CAMERAS
from tests.layers.read.policies import actor_of, role, rule
from tests.twin.change_log import with_before
from twin.live.change_batch import PendingChanges
from twin.live.channel import Watcher
from twin.live.channels import Channels
from twin.live.interest import Interest
from twin.live.leaving import told_late
from twin.live.rows import FeatureProperties
from twin.live.visibility import Visibility

CATALOG = Catalog({"cameras": Layer(CAMERAS, 1, datetime.now(UTC), lowest_grade=1)})
POLICY = Policy(
    (role("anonymous", 1), role("officer", 3), role("chief", 4), role("worker", 3), role("analyst", 3)),
    (
        rule("public", "anonymous", "cameras", fields={"contact_name": "absent"}),
        rule("own", "officer", "cameras", areas="own"),
        rule("all", "chief", "cameras"),
        rule("named", "worker", "cameras", rows="name = caller('camera')"),
        rule("rough", "analyst", "cameras", geometry="cell_500"),
    ),
)
READERS = {
    "anonymous": actor_of(POLICY),
    "north": actor_of(POLICY, "officer", areas=("440106011",)),
    "south": actor_of(POLICY, "officer", areas=("440106012",)),
    "chief": actor_of(POLICY, "chief"),
    "worker": actor_of(POLICY, "worker", attributes=(("camera", "甲"),)),
    "analyst": actor_of(POLICY, "analyst"),
    "labels": Actor("labels", 3, ("440106011",)),
}


WHOLE = Interest(frozenset({"cameras"}))


def change(area="440106011001", grade=3, name="甲", **more):
    place = {"lon": 113.3, "lat": 23.1, "area_code": area, "grade": grade}
    return {"kind": "event", "layer": "cameras", "id": "c1", "name": name, "contact_name": "张三", **place, **more}


def told(events):
    """The same changes as the writers of feeds tell them: with what each replaced."""
    states = {}
    return [with_before(event, states) for event in events]


def hear(changes, interest=None):
    """What each reader hears of changes, one list a reader."""
    channels = Channels(lambda: CATALOG)
    of_channel = {}
    for name, actor in READERS.items():
        channel = channels.enter(interest or WHOLE, actor)
        channel.members.add(Watcher(channel, 0))
        of_channel[channel] = name
    heard = {name: [] for name in READERS}
    for one in changes:
        for channel, _, visible in asyncio.run(channels.match([one], FeatureProperties())):
            heard[of_channel[channel]].append(orjson.loads(visible))
    return heard


REMOVED = {"kind": "feature", "layer": "cameras", "id": "c1", "operation": "delete"}


def test_a_feature_that_moves_away_is_removed_for_those_alone_who_saw_it():
    heard = hear(told([change(), change(area="440106012001")]))
    assert [one["kind"] for one in heard["north"]] == ["event", "feature"]
    assert heard["north"][-1] == heard["labels"][-1] == REMOVED
    assert [one["kind"] for one in heard["south"]] == ["event"]
    assert [one["kind"] for one in heard["chief"]] == ["event", "event"]
    assert heard["anonymous"] == []


def test_a_raised_grade_and_a_changed_row_remove_too():
    heard = hear(told([change(), change(grade=4), change(grade=4, name="乙")]))
    assert heard["north"] == [heard["north"][0], REMOVED]
    assert heard["worker"] == [heard["worker"][0], REMOVED]
    assert len(heard["chief"]) == 3


def test_places_are_shown_as_the_rules_say():
    heard = hear([change()])
    assert heard["north"][0]["lon"] == 113.3
    assert heard["analyst"][0]["lon"] != 113.3
    assert abs(heard["analyst"][0]["lon"] - 113.3) < 0.005
    moved = hear([change(kind="position"), change(kind="fence")])
    assert [one["kind"] for one in moved["analyst"]] == ["position"]


def test_a_filter_over_changes_sees_what_is_shown():
    """A box around the true place does not find the feature where its cell's centre lies outside."""
    here = Interest(frozenset({"cameras"}), bbox_crs84=(113.29999, 23.09999, 113.30001, 23.10001))
    heard = hear([change()], here)
    assert heard["chief"]
    assert not heard["analyst"]


changes = st.builds(
    change,
    st.sampled_from(["440106011001", "440106012001", None]),
    st.integers(1, 4),
    st.sampled_from(["甲", "乙"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(changes, max_size=6), st.sampled_from(list(READERS)))
def test_what_a_reader_holds_is_what_it_may_see(events, name):
    """After any changes, the features on a reader's map are those it may see now, as it may see them."""
    lens = Visibility(READERS[name], lambda: CATALOG)
    held = None
    for one in hear(told(events))[name]:
        held = None if one == REMOVED else one
    expected = lens.shown(events[-1], lambda c: c) if events else None
    assert held == expected


def hear_late(events, name, interest=WHOLE):
    """What a reader hears who reads changes late, as JSON objects."""
    channels = Channels(lambda: CATALOG)
    channel, pending = channels.enter(interest, READERS[name]), PendingChanges()
    for event in events:
        if one := told_late(channel, event, event, FeatureProperties()):
            pending.add(one.change, one.encoded)
    return [orjson.loads(one) for one in pending.batch(1).changes]


@settings(max_examples=80, deadline=None)
@given(st.lists(changes, min_size=1, max_size=6), st.data(), st.sampled_from(list(READERS)))
def test_cut_anywhere_and_late_a_reader_holds_what_it_may_see_and_hears_of_nothing_else(events, data, name):
    """Also another process, which has read none of the changes before, tells what has left a reader's rows."""
    written, cut = told(events), data.draw(st.integers(0, len(events)))
    lens = Visibility(READERS[name], lambda: CATALOG)
    held = lens.shown(written[cut - 1], lambda c: c) if cut else None  # the state of a snapshot
    for one in hear_late(written[cut:], name):
        assert one != REMOVED or held is not None, "the id of what he was never shown"
        held = None if one == REMOVED else one
    assert held == lens.shown(written[-1], lambda c: c)
    (live,) = [one[name] for one in [hear(written[cut:])]]
    assert hear_late(written[cut:], name) == live


def test_what_left_a_readers_box_before_it_was_hidden_is_removed_too():
    away = {"lon": 113.9, "lat": 23.1}
    events = told([change(), change(**away), change(area="440106012001", **away)])
    here = Interest(frozenset({"cameras"}), bbox_crs84=(113.2, 23.0, 113.4, 23.2))
    assert hear_late(events, "north", here)[-1] == REMOVED
    assert hear(events, here)["north"][-1] == REMOVED
    other = Interest(frozenset({"events"}))
    assert hear_late(events, "north", other) == hear(events, other)["north"] == []


def test_a_grade_raised_since_removes_and_a_feature_that_was_made_meanwhile_is_not_named():
    channel, raised = Channels(lambda: CATALOG).enter(WHOLE, READERS["north"]), {"grade": 4}
    for before, removed in (({}, REMOVED), ({"before": None}, None)):
        written = change() | before
        told = told_late(channel, written, written | raised, FeatureProperties())
        assert (told and told.change) == removed


@pytest.mark.parametrize("name", READERS)
def test_a_removal_says_nothing_but_the_feature(name):
    for one in hear(told([change(), change(grade=4), change(area=None)]))[name]:
        assert one["kind"] != "feature" or one == REMOVED
