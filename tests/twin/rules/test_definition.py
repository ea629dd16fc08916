"""The files of rules: the shipped ones fit their layers, and the fault of a file is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.definition import read_code_lists, read_definitions
from layers.errors import BadInput
from server.installation import PROJECT
from twin.rules.calendar import Calendar
from twin.rules.cluster import ClusterRule
from twin.rules.definition import read_rule
from twin.rules.fences.definition import Fence
from twin.rules.limits import Limits
from twin.rules.registry import read_rules
from twin.rules.threshold import Threshold

SHIPPED = read_rules(PROJECT / "config" / "rules")
LAYERS, CODES = read_definitions(), read_code_lists()


def codes(name):
    return {code.code for code in CODES[name].codes}


def test_every_shipped_file_is_a_rule_and_every_kind_is_there():
    assert SHIPPED.faults == {}
    assert {type(rule) for rule in SHIPPED.by_name.values()} == {Threshold, Limits, Calendar, ClusterRule, Fence}


@pytest.mark.parametrize("rule", SHIPPED.of(Threshold).values(), ids=lambda rule: rule.name)
def test_thresholds_look_at_fields_that_there_are(rule):
    stored = {field.name for field in LAYERS[rule.layer].fields if field.has_column}
    assert set(rule.fields) <= stored
    assert {level.severity for level in rule.levels} <= codes("event_severity")
    for name, allowed in rule.only.items():
        assert set(allowed) <= codes(LAYERS[rule.layer].by_name[name].codes)


@pytest.mark.parametrize("rule", SHIPPED.of(Limits).values(), ids=lambda rule: rule.name)
def test_limits_speak_of_codes_and_rules_that_there_are(rule):
    for match in [match for row in rule.rows for match in row.match] + list(rule.reported):
        assert match.sources <= codes("event_source")
        assert match.classes <= codes("event_class")
        assert match.severities <= codes("event_severity")
        assert match.rules <= SHIPPED.by_name.keys()
    assert {name for row in rule.rows for name in row.handle_by_class} <= codes("event_class")


@pytest.mark.parametrize("rule", SHIPPED.of(Fence).values(), ids=lambda rule: rule.name)
def test_filters_of_fences_fit_their_layers(rule):
    for chosen in (rule.movers, rule.areas):
        if chosen.filter is not None:
            assert {field.name for field in LAYERS[chosen.layer].fields} & set(chosen.filter.split())
    assert rule.movers.layer in LAYERS


GOOD = (PROJECT / "config" / "rules" / "flood_depth.yaml").read_text(encoding="utf-8")
LIMITS = (PROJECT / "config" / "rules" / "handling.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("kind: threshold", "kind: magic"), "magic"),
        (GOOD.replace("above: 0.15", "above: deep"), "levels.0"),
        (GOOD.replace("{above: 0.15,", "{above: 0.15, below: 1,"), "one of above, below and equals"),
        (GOOD.replace("for: 1 min", "for: 1 wd"), "natural time"),
        (GOOD.replace("for: 1 min", "for: soon"), "no span"),
        (GOOD.replace("name: flood_depth", "name: other"), "named alike"),
        (GOOD + "\nunknown: 1\n", "unknown"),
        ("- [", "not YAML"),
        ("", "not a rule"),
        ("[1, 2]", "not a rule"),
        ("x" * 300_000, "larger"),
        (LIMITS.replace("accept: 15 min", "accept: 1.5 wd"), "whole"),
        (LIMITS.replace("id: accept_over,", "id: accept_half,"), "twice"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, said):
    path = tmp_path / ("handling.yaml" if text.startswith("# 处置") else "flood_depth.yaml")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as error:
        read_rule(path)
    assert said in error.value.message
    assert path.name in error.value.message


def test_a_broken_file_leaves_the_old_rule_and_a_mended_one_comes_back(tmp_path):
    path = tmp_path / "flood_depth.yaml"
    path.write_text(GOOD, encoding="utf-8")
    first = read_rules(tmp_path)
    assert first.renewed() is first
    path.write_text("name: [", encoding="utf-8")
    broken = first.renewed()
    assert broken.by_name == first.by_name
    assert broken.faults.keys() == {"flood_depth.yaml"}
    path.write_text(GOOD.replace("0.15", "0.10"), encoding="utf-8")
    mended = broken.renewed()
    assert mended.faults == {}
    assert mended.by_name["flood_depth"].levels[0].above == 0.10
    path.unlink()
    assert mended.renewed().by_name == {}
    assert read_rules(Path(tmp_path / "none")).by_name == {}


def test_a_table_without_its_calendar_is_told(tmp_path):
    (tmp_path / "handling.yaml").write_text(LIMITS, encoding="utf-8")
    assert "there is no calendar 'workdays'" in read_rules(tmp_path).faults["handling.yaml"]
