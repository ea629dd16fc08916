"""What a role may see of a row, decided in Python from the policy's rules alone: the oracle of the leak matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import cql2

GEOM = "geom"
_CALLER = re.compile(r"caller\('(\w+)'\)")
_NAME = re.compile(r"\w+")
_PLACES = {"full": 3, "cell_100": 2, "cell_500": 1, "absent": 0}
_MASKED = {
    "name": lambda text: text[0] + "**",
    "phone": lambda text: text[:3] + "****" + text[-4:],
    "plate": lambda text: text[:2] + "**" + text[-3:],
    "stock_class": lambda number: "有" if number > 0 else "无",
}


@dataclass(frozen=True)
class Seen:
    """How a row is shown: how each field is, and its place under `geom`; absent ones are left out."""

    fields: dict[str, str]
    by: tuple[str, ...]


def seen(actor, definition, row):
    """Return how the actor sees a row, or None if not at all."""
    rules = [rule for rule in reading(actor, definition) if _reaches(rule, actor, row)]
    if not rules:
        return None
    fields = {}
    for rule in rules:
        for name, showing in _shown(rule, actor, definition).items():
            fields[name] = _better(fields.get(name, "absent"), showing)
    return Seen({name: how for name, how in fields.items() if how != "absent"}, tuple(rule.id for rule in rules))


def reading(actor, definition):
    """Return the rules by which an actor reads features of a layer."""
    rules = actor.policy.rules_on(definition.id, actor.roles, actor.departments, actor.purpose)
    return [rule for rule in rules if "read" in rule.operations]


def shown_value(how, value):
    """Return the text or number that a field shows, by how it is shown."""
    return value if how == "full" else _MASKED[how](value)


def is_written_as_text(actor, definition, name):
    """Whether numbers of a field stand beside words, in some row or other."""
    shown = {_shown(rule, actor, definition).get(name) for rule in reading(actor, definition)}
    return "stock_class" in shown and "full" in shown


def _better(one, other):
    if one == "full" or other == "absent":
        return one
    if other == "full" or one == "absent":
        return other
    return max(one, other, key=lambda how: _PLACES.get(how, 1))


def _reaches(rule, actor, row):
    if row["data_grade"] > min(rule.grade, _clearance(rule, actor)):
        return False
    if rule.areas == "own" and not _in_own_areas(actor, row):
        return False
    return rule.rows is None or _matches(rule.rows, actor, row)


def _clearance(rule, actor):
    """Return the highest grade of what the actor gets by a rule: by those of its roles that it has, and its own."""
    held = {*actor.roles, "anonymous"} & {*rule.roles}
    return min(actor.clearance, max(actor.policy.roles[role].clearance for role in held))


def _in_own_areas(actor, row):
    codes = (row.get("area_code"), row.get("grid_code"))
    return any((codes[len(prefix) > 12] or "").startswith(prefix) for prefix in actor.area_prefixes)


def _matches(text, actor, row):
    known = {"subject": actor.subject, "departments": actor.departments, "areas": actor.area_prefixes}
    known |= dict(actor.attributes)

    def literal(found):
        value = known.get(found.group(1))
        if value is None:
            return "NULL"
        if isinstance(value, str):
            return f"'{value}'"
        return ", ".join(f"'{one}'" for one in value) or "NULL"

    properties = {name: row[name] for name in _NAME.findall(text) if name in row}  # it does not know all types
    feature = {"type": "Feature", "id": row["id"], "geometry": None, "properties": properties}
    try:
        return _parsed(_CALLER.sub(literal, text)).matches(feature)
    except Exception:  # noqa: BLE001  # the library's only error: a null has no truth
        return False


@cache
def _parsed(text):
    return cql2.Expr(text)


def _shown(rule, actor, definition):
    shown = {}
    if definition.geometry_type != "None":
        shown[GEOM] = rule.geometry
    grade = min(rule.grade, _clearance(rule, actor))
    for field in definition.fields:
        if field.internal:
            continue
        by_grade = "full" if field.grade <= grade else "absent"
        how = rule.fields.get(field.name, rule.fields.get("*", by_grade))
        if how == "full" and field.grade > grade:
            how = "absent"
        if field.tells_place and rule.geometry != "full" and field.name not in rule.fields:
            how = "absent"
        shown[field.name] = how
    return shown
