"""What an actor may do with one layer: cases, each with the rows it holds for and what they show.

With a policy, a case is a rule of the actor; without one, the labels of the actor make the cases. A row is shown when
any case holds for it, and of each field as much as the most generous of these cases gives; so a further case never
hides anything. `layers/read/rights.py` turns cases into SQL, `twin/live/visibility.py` applies them to changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType

from layers.actor import HIGHEST_GRADE, Actor
from layers.definition import GRADE, FieldDefinition, LayerDefinition
from layers.policy.definition import ANONYMOUS_ROLE, EVERY, GeometryShowing, Operation, PolicyRule, Showing
from layers.tiers import AREA_CODE, GRID_CODE

SHOWINGS: tuple[Showing, ...] = (
    "absent", "stock_class", "pseudonym", "name", "plate", "id_number", "phone", "address", "day", "hour", "reference",
    "full",
)  # fmt: skip
"""From the least to the most generous: where several cases hold for a row, the most generous counts."""
GEOMETRIES: tuple[GeometryShowing, ...] = ("absent", "cell_500", "cell_100", "full")
_OF_TYPES: Mapping[str, frozenset[str]] = {
    "stock_class": frozenset({"integer", "number"}),
    "hour": frozenset({"datetime"}),
    "day": frozenset({"datetime", "date"}),
}
_TELLING: frozenset[Operation] = frozenset(("read", "aggregate", "history", "export"))
_EVERYTHING: frozenset[Operation] = _TELLING | {"report", "handle"}
_KEPT_MAX = 5_000


@dataclass(frozen=True, eq=False)
class Case:
    """Rows of a layer, and what is shown of them.

    Attributes
    ----------
    grade
        The highest data grade of its rows.
    prefixes
        Of the areas of its rows; None is everywhere.
    rows
        A CQL2 text over the fields and `caller(…)` that is true of its rows; None is every row.
    showings
        How each field is shown; an absent field is not listed. ``*`` stands for what is no field of the layer.
    shows_motion
        Whether moving features are shown where they are now; otherwise at their stored place.
    count_by, least_count
        As `PolicyRule` has them; for those who may only count.
    rule
        Id of the rule; None for labels.
    """

    grade: int
    prefixes: tuple[str, ...] | None
    rows: str | None
    showings: Mapping[str, Showing]
    geometry: GeometryShowing
    shows_motion: bool
    operations: frozenset[Operation]
    count_by: tuple[str, ...] = ()
    least_count: int = 1
    rule: str | None = None

    @property
    def is_by_grade(self) -> bool:
        """Whether the grade of a row alone decides that the case holds."""
        return self.prefixes is None and self.rows is None

    def reaches(self, other: Case) -> bool:
        """Whether this case holds for every row for which the other one does."""
        if self.grade < other.grade:
            return False
        if self.is_by_grade:
            return True
        same_place = self.shows_motion == other.shows_motion  # a moving feature is judged where the case shows it
        areas = self.prefixes is None or self.prefixes == other.prefixes
        return same_place and areas and (self.rows is None or self.rows == other.rows)

    def covers(self, other: Case) -> bool:
        """Whether the other case gives nothing that this one does not."""
        return (
            self.reaches(other)
            and _generosity(self.geometry) >= _generosity(other.geometry)
            and self.shows_motion >= other.shows_motion
            and self.operations >= other.operations
            and all(SHOWINGS.index(self.showing(name)) >= SHOWINGS.index(how) for name, how in other.showings.items())
        )

    def showing(self, name: str) -> Showing:
        """Return how the field of a name is shown."""
        return self.showings.get(name, "absent")


@dataclass(frozen=True, eq=False)
class LayerRights:
    """The cases of an actor on a layer.

    Attributes
    ----------
    all_cases
        Every case, whatever its operations.
    actor
        Whose they are; for the values that `caller(…)` stands for.
    """

    definition: LayerDefinition
    actor: Actor
    all_cases: tuple[Case, ...]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The cases that let the actor do what it reads for; none covers another."""
        needed = _needed(self.actor)
        return _pruned([case for case in self.all_cases if case.operations >= needed], Case.covers)

    @cached_property
    def widest(self) -> tuple[Case, ...]:
        """Cases that together hold for the same rows as all of them, those that cost least to test first."""
        return tuple(sorted(_pruned(self.cases, Case.reaches), key=lambda case: not case.is_by_grade))

    def allowing(self, operation: Operation) -> tuple[Case, ...]:
        """Return the cases with an operation."""
        return _pruned([case for case in self.all_cases if operation in case.operations], Case.covers)

    @cached_property
    def may_export(self) -> bool:
        """Whether the actor may take in bulk whatever it reads above what is public."""
        return all(case.grade == 1 or "export" in case.operations for case in self.cases)

    def reads(self, lowest_grade: int | None = None) -> bool:
        """Whether the actor may read any feature, of a layer whose least sensitive one has a grade."""
        grade = self.definition.grade if lowest_grade is None else lowest_grade
        return any(grade <= case.grade for case in self.cases)

    @cached_property
    def digest(self) -> str:
        """A text that is the same in every process for cases that show the same; empty when the actor sees nothing."""
        cases = self.cases
        shown = [(c.grade, c.prefixes, c.rows, sorted(c.showings.items()), c.geometry, c.shows_motion) for c in cases]
        return blake2b(repr(shown).encode(), digest_size=16).hexdigest() if shown else ""

    @cached_property
    def top_grade(self) -> int:
        """The highest grade of rows that the actor may see; 0 when it sees none."""
        return max((case.grade for case in self.cases), default=0)

    @cached_property
    def whole_grade(self) -> int:
        """The grade up to which the actor sees every row, and where it is; 0 when there is none."""
        return max((case.grade for case in self.cases if case.is_by_grade and case.geometry == "full"), default=0)

    @cached_property
    def is_by_grade(self) -> bool:
        """Whether the grade of a row alone decides which rows the actor sees, and where they are."""
        return self.whole_grade == self.top_grade

    @cached_property
    def is_open(self) -> bool:
        """Whether no row is hidden from the actor, whatever its grade, and none is moved to another place."""
        return self.whole_grade >= HIGHEST_GRADE

    @cached_property
    def motion(self) -> tuple[bool, bool]:
        """Whether any case shows positions, and whether all do."""
        shown = [case.shows_motion for case in self.cases]
        return any(shown), bool(shown) and all(shown)

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all rows that the actor sees show the same fields in the same way, at their true place."""
        first, *others = self.cases or (None,)
        if first is None:
            return True
        has_place = self.definition.geometry_type != "None"
        same = all(c.showings == first.showings and c.shows_motion == first.shows_motion for c in others)
        return same and not (has_place and any(case.geometry != "full" for case in self.cases))

    def is_full(self, name: str) -> bool:
        """Whether the plain value of a field is shown of any row; such a field may be searched on."""
        return any(case.showing(name) == "full" for case in self.cases)

    def is_full_everywhere(self, name: str) -> bool:
        """Whether a field is shown in full of every row that the actor sees."""
        return all(case.showing(name) == "full" for case in self.cases)

    @property
    def shows_place(self) -> bool:
        """Whether places are shown at all, be it roughly; also of a layer of which no row is."""
        return not self.cases or any(case.geometry != "absent" for case in self.cases)


_kept: dict[tuple[int, str], LayerRights] = {}


def rights_of(definition: LayerDefinition, actor: Actor) -> LayerRights:
    """Return what an actor may do with a layer; worked out once for each audience and definition."""
    key = id(definition), actor.audience  # the kept rights hold the definition: no other one has its id meanwhile
    rights = _kept.get(key)
    if rights is None:
        if len(_kept) >= _KEPT_MAX:
            _kept.clear()
        cases = _by_labels(definition, actor) if actor.policy is None else _by_policy(definition, actor)
        rights = _kept[key] = LayerRights(definition, actor, cases)
    return rights


def may_read(layer_id: str, actor: Actor) -> bool:
    """Whether the policy lets an actor read any feature of a layer, whose definition need not be known."""
    return actor.policy is None or any(_needed(actor).issubset(rule.operations) for rule in _rules(layer_id, actor))


def rules_bind(layer_id: str, actor: Actor) -> bool:
    """Whether every rule of an actor on a layer keeps it to its own areas."""
    return actor.policy is not None and all(rule.areas == "own" for rule in _rules(layer_id, actor))


def _needed(actor: Actor) -> frozenset[Operation]:
    """Return what a case must allow: to look back is to read, too."""
    return frozenset(("read", "history") if actor.operation == "history" else (actor.operation,))


def _by_labels(definition: LayerDefinition, actor: Actor) -> tuple[Case, ...]:
    """Return the case of an actor without a policy; one that is bound also keeps what is public everywhere."""
    everywhere = not actor.is_bound or (definition.grade == 1 and not has_areas(definition))
    if not everywhere and not has_areas(definition):
        return ()
    own = _of_labels(definition, actor, actor.clearance, None if everywhere else actor.area_prefixes)
    public = [] if everywhere or definition.grade > 1 else [_of_labels(definition, actor, 1, None)]
    return _possible(definition, [own, *public])


def _of_labels(definition: LayerDefinition, actor: Actor, grade: int, prefixes: tuple[str, ...] | None) -> Case:
    def showing(field: FieldDefinition) -> Showing:
        if field.grade <= grade:
            return "reference" if field.one_time else "full"
        return field.mask if actor.sees_masked else "absent"

    showings = {field.name: showing(field) for field in definition.fields if not field.internal} | {EVERY: "full"}
    motion = definition.motion is not None and grade >= definition.motion.grade
    return Case(grade, prefixes, None, _shown(showings), "full", motion, _EVERYTHING)


def _by_policy(definition: LayerDefinition, actor: Actor) -> tuple[Case, ...]:
    cases = []
    for rule in _rules(definition.id, actor):
        if rule.areas == "own" and not (actor.is_bound and has_areas(definition)):
            continue
        cases.append(_of_rule(definition, rule, actor))
    return _possible(definition, cases)


def _rules(layer_id: str, actor: Actor) -> tuple[PolicyRule, ...]:
    policy = actor.policy
    if policy is None:
        return ()
    unbound = () if actor.is_bound else tuple(r for r in actor.roles if r in policy.roles and policy.roles[r].bound)
    roles = [role for role in actor.roles if role not in unbound]
    return policy.rules_on(layer_id, roles, actor.departments, actor.purpose, actor.at)


def _of_rule(definition: LayerDefinition, rule: PolicyRule, actor: Actor) -> Case:
    only_counts = actor.operation == "aggregate" and "read" not in rule.operations  # a sum is of a lower grade
    grade = rule.grade if only_counts else min(rule.grade, actor.clearance, _clearance(rule, actor))
    told = bool(_TELLING.intersection(rule.operations))  # who may report or handle alone is told of nothing by that
    fields = [field for field in definition.fields if told and not field.internal]
    showings = {field.name: _showing(field, rule, grade, actor) for field in fields}
    showings[EVERY] = "full" if told and rule.fields.get(EVERY, "full") == "full" else "absent"
    motion = definition.motion is not None and grade >= definition.motion.grade and rule.geometry != "absent"
    return Case(
        grade,
        actor.area_prefixes if rule.areas == "own" else None,
        rule.rows,
        _shown(showings),
        rule.geometry,
        motion,
        frozenset(rule.operations),
        rule.count_by,
        rule.least_count,
        rule.id,
    )


def _clearance(rule: PolicyRule, actor: Actor) -> int:
    """Return the highest grade that a rule can give: the clearance of those of its roles that the actor has."""
    if actor.policy is None:
        return actor.clearance
    return actor.policy.clearance_of({*actor.roles, ANONYMOUS_ROLE}.intersection(rule.roles))


def _showing(field: FieldDefinition, rule: PolicyRule, grade: int, actor: Actor) -> Showing:
    """Return how a rule shows a field; a mask that it names for the field also shows what is above its grade."""
    named = rule.fields.get(field.name)
    how = named or rule.fields.get(EVERY, "full")
    if how == "full" and field.grade > grade:
        return "absent"
    if rule.geometry != "full" and field.tells_place and named is None:
        return "absent"
    if field.refers_to and not any(may_read(target, actor) for target in field.refers_to):
        return "absent"
    if field.one_time and how == "full":
        return "reference"
    return how if masks_type(how, field) else "absent"


def masks_type(how: Showing, field: FieldDefinition) -> bool:
    """Whether values of a field's type can be shown in a way."""
    if how == "reference":
        return field.one_time
    return how in {"full", "absent"} or field.type in _OF_TYPES.get(how, {"string"})


def has_areas(definition: LayerDefinition) -> bool:
    """Whether features of a layer say in which area they lie."""
    return AREA_CODE in definition.by_name or GRID_CODE in definition.by_name


def _possible(definition: LayerDefinition, cases: Iterable[Case]) -> tuple[Case, ...]:
    """Return the cases that can hold for a row; without a grade of their own, rows have that of the layer."""
    return tuple(case for case in cases if GRADE in definition.by_name or definition.grade <= case.grade)


def _shown(showings: Mapping[str, Showing]) -> Mapping[str, Showing]:
    return MappingProxyType({name: how for name, how in showings.items() if how != "absent"})


def _generosity(geometry: GeometryShowing) -> int:
    return GEOMETRIES.index(geometry)


def _pruned(cases: Iterable[Case], contains: Callable[[Case, Case], bool]) -> tuple[Case, ...]:
    """Return the cases without those that another one contains."""
    kept: list[Case] = []
    for case in cases:
        if any(contains(other, case) for other in kept):
            continue
        kept = [other for other in kept if not contains(case, other)] + [case]
    return tuple(kept)
