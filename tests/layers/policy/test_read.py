"""The files of the policy: what is read, and every way in which they are refused."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from layers.errors import BadInput
from layers.policy.definition import PolicyRule
from layers.policy.holder import PolicyHolder
from layers.policy.read import FILES_MAX, RULES_MAX, read_policy

ROLES = """
roles:
  - {id: anonymous, title_zh: 匿名, title_en: Anonymous}
  - {id: officer, title_zh: 人员, title_en: Officer, clearance: 3, duties: [feeds]}
"""
RULES = """
rules:
  - {id: open, roles: [anonymous], layers: ["*"], grade: 1}
  - {id: inside, roles: [officer], layers: [grids, roads], grade: 2, hours: ["08:00", "20:00"], fields: {name: absent}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "roles.yaml").write_text(ROLES, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


def refused(folder, name="rules.yaml", text=None):
    """Return why a folder is refused, after a file was written."""
    if text is not None:
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as raised:
        read_policy(folder)
    return raised.value.message


def test_roles_and_rules_of_all_files_are_one_policy(folder):
    (folder / "more.yaml").write_text("rules: [{id: more, roles: [officer], layers: [roads]}]", encoding="utf-8")
    (folder / "_draft.yaml").write_text("no: policy", encoding="utf-8")
    policy = read_policy(folder)
    assert set(policy.roles) == {"anonymous", "officer"}
    assert [rule.id for rule in policy.rules] == ["more", "open", "inside"]
    assert policy.duties_of(["officer"]) == {"feeds"}
    again = read_policy(folder)
    assert (again, again.digest) == (policy, policy.digest)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RULES.replace("inside", "open"), "rule 'open' is defined 2 times, in rules.yaml"),
        (RULES + ROLES, "role 'anonymous' is defined 2 times, in roles.yaml and rules.yaml"),
        (RULES.replace("[officer]", "[officer, nobody, no_one]"), "names roles that are not defined: no_one, nobody"),
        (RULES.replace("grade: 2", "grade: 5"), "rules.1.grade: Input should be less than or equal to 4"),
        (RULES.replace("grade: 2", "grad: 2"), "rules.1.grad: Extra inputs are not permitted"),
        (RULES.replace("name: absent", "name: hidden"), "rules.1.fields.name: Input should be 'full', 'absent'"),
        (RULES.replace("layers: [grids, roads]", "layers: []"), "rules.1.layers: Tuple should have at least 1 item"),
        (RULES.replace("layers: [grids, roads]", "layers: ['x; DROP TABLE']"), "rules.1.layers.0: String should match"),
        (RULES.replace('"08:00", "20:00"', "8:00, 20:00"), "write times of day in quotes"),
        (RULES.replace('"08:00"', '"25:00"'), "rules.1.hours.0"),
        (RULES.replace("grade: 2", "grade: 2, grade: 4"), "rules.yaml, line 4: 'grade' is given twice"),
        (RULES + "\nrules: []", "'rules' is given twice"),
        ("a: &a [lol, lol]\nb: &b [*a, *a, *a]\nc: [*b, *b]", "rules.yaml, line 2: aliases (*name) are not allowed"),
        ("rules: " + "[" * 5_000, "is nested more than 40 levels deep"),
        ("rules: [" + "x, " * 120_000 + "x]", "rules.yaml is larger than 262144 bytes"),
        ("rules: {a: 1", "rules.yaml is not YAML"),
        ("rules: !!python/object/apply:os.system [id]", "rules.yaml is not YAML"),
        ("rules: 2026-13-45", "rules.yaml is not YAML"),
        ("- 1", "rules.yaml is no file of a policy"),
        ("rules: \x00", "rules.yaml is not YAML"),
    ],
)
def test_what_is_no_policy_is_refused_in_words(folder, text, words):
    assert words in refused(folder, text=text)


def test_every_fault_is_told_at_once(folder):
    (folder / "a.yaml").write_text("x: 1", encoding="utf-8")
    (folder / "b.yaml").write_text("rules: 3", encoding="utf-8")
    message = refused(folder)
    assert "a.yaml is no file of a policy: x: Extra inputs" in message
    assert "b.yaml is no file of a policy: rules: Input should be a valid tuple" in message


def test_a_folder_without_a_policy_is_refused(tmp_path):
    assert "defines no role" in refused(tmp_path)
    assert "is missing; without it nobody may see anything. Copy config/policy" in refused(tmp_path / "none")


def test_there_are_limits(folder):
    many = ", ".join(f"{{id: r{n}, roles: [officer], layers: [x]}}" for n in range(RULES_MAX // 5))
    for k in range(5):
        (folder / f"many{k}.yaml").write_text(f"rules: [{many.replace('id: r', f'id: r{k}-')}]", encoding="utf-8")
    assert f"has {RULES_MAX + 2} rules; at most {RULES_MAX}" in refused(folder)
    for k in range(FILES_MAX):
        (folder / f"empty{k}.yaml").touch()
    assert f"files; at most {FILES_MAX} are read" in refused(folder)


def test_reading_takes_work_in_proportion_to_the_rules(folder):
    """`./onemap bench rights` tells the seconds of a thousand rules; here the calls are counted."""

    def calls(number):
        rules = [
            PolicyRule(id=f"r{n}", roles=("officer",), layers=(f"layer{n}",), fields={"a": "full"})
            for n in range(number)
        ]
        text = "\n".join(f"  - {rule.model_dump_json(exclude_defaults=True)}" for rule in rules)
        (folder / "many.yaml").write_text(f"rules:\n{text}\n", encoding="utf-8")
        counted = 0

        def count(_frame, event, _argument):
            nonlocal counted
            counted += event in {"call", "c_call"}

        sys.setprofile(count)
        try:
            policy = read_policy(folder)
        finally:
            sys.setprofile(None)
        assert len(policy.rules) == number + 2
        return counted

    calls(1)  # what is imported and compiled once
    assert calls(400) < 5 * calls(100)


def test_a_broken_change_leaves_the_policy_in_force(folder):
    holder = PolicyHolder(
        folder, lambda policy: [f"no layer '{x}'" for r in policy.rules for x in r.layers if x == "y"]
    )
    first = holder.policy
    assert not holder.renew()
    for text, fault in (
        ("rules: [", "rules.yaml is not YAML"),
        (RULES.replace("roads", "y"), "no layer 'y'"),
    ):
        (folder / "rules.yaml").write_text(text, encoding="utf-8")
        assert not holder.renew()
        assert fault in holder.fault
        assert holder.policy is first
    (folder / "rules.yaml").write_text(RULES.replace("grade: 2", "grade: 3"), encoding="utf-8")
    assert holder.renew()
    assert (holder.fault, holder.policy.rules[1].grade) == (None, 3)
    (folder / "rules.yaml").unlink()
    assert holder.renew()
    assert holder.policy.rules == ()


def test_what_vanishes_leaves_the_policy_in_force(folder):
    """A folder that is being replaced denies nobody."""
    holder = PolicyHolder(folder)
    before = holder.policy
    folder.rename(folder.with_name("away"))
    assert not holder.renew()
    assert "is missing" in holder.fault
    folder.with_name("away").rename(folder)
    assert not holder.renew(), "the same policy as before"
    assert (holder.fault, holder.policy) == (None, before)


def test_a_start_needs_a_policy_without_faults(folder):
    with pytest.raises(BadInput, match="no layer 'wells'"):
        PolicyHolder(folder, lambda _: ["no layer 'wells'"])


@pytest.mark.anyio
async def test_a_change_is_noticed_by_the_watching_task(folder):
    """Also one that keeps size and name: the time of change is enough."""
    holder, changed = PolicyHolder(folder), asyncio.Event()
    holder.on_change.append(changed.set)
    holder.start()
    try:
        replacement = folder / "new"
        replacement.write_text(RULES.replace("grade: 2", "grade: 3"), encoding="utf-8")
        os.replace(replacement, folder / "rules.yaml")  # noqa: PTH105  # what an editor does
        async with asyncio.timeout(10):
            await changed.wait()
        assert holder.policy.rules[1].grade == 3
    finally:
        await holder.stop()
