"""What actors of one audience see of a change, judged and encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.cql2.match import Test
from layers.errors import BadFilter
from layers.layer_rights import GEOMETRIES, Case, LayerRights, rights_of, rules_bind
from layers.policy.definition import EVERY, GeometryShowing
from layers.read.caller import match_rows, row_queryables
from layers.read.facts import observed_fields
from layers.read.masks import cell_side_m
from layers.read.rights import filtered_references
from layers.read.scope import is_kept_to_areas, lies_in_areas
from layers.tiers import AREA_CODE, AREA_DIGITS, GRID_CODE
from twin.live.condition import point_of
from twin.live.interest import area_codes
from twin.log.change import COMMON_MEMBERS, NOT_SENT, SENT_KINDS, Change, members

type RowOf = Callable[[Change], Mapping[str, Any]]
_MEMBERS = {kind: COMMON_MEMBERS | members(definition) for kind, definition in SENT_KINDS.items()}
_OF_PLACES = frozenset({"position", "fence"})  # kinds that show where something is
_PLACE = frozenset({"lon", "lat"})
_BOXES = frozenset({"old", "new"})
SHAPES = frozenset({"geom", "geometry"})


class SeenChange:
    """A change as the actors of an audience see it.

    Attributes
    ----------
    change
        Its visible members.
    row
        The visible properties of its feature, for filters.
    """

    __slots__ = ("_encoded", "change", "row")

    def __init__(self, change: Change, row: Mapping[str, Any]) -> None:
        self.change, self.row = change, row
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The visible members as JSON."""
        if self._encoded is None:
            self._encoded = orjson.dumps(self.change)
        return self._encoded


class Visibility:
    """Selects the members of changes that actors of one audience see, by the cases that hold for the feature.

    Masked values are left out: changes do not show parts of names. A case whose rows depend on what neither the change
    nor its feature tells holds for no change.
    """

    def __init__(self, actor: Actor, catalog: Callable[[], Catalog]) -> None:
        self.actor = actor
        self._catalog = catalog
        self._by_layer: dict[str, tuple[LayerRights, _LayerChanges]] = {}

    @property
    def audience(self) -> str:
        """What its actors have in common."""
        return self.actor.audience

    def see(self, change: Change, row_of: RowOf = dict) -> SeenChange | None:
        """Return what is visible of a change; None when its layer or its feature is hidden.

        Parameters
        ----------
        row_of
            Returns the properties of the change and of its feature.
        """
        shown = self._changes_of(change["layer"])
        if shown is None or not self._sees_area(change):
            return None
        held = shown.held(change, row_of)
        return shown.members_of(held).seen(change, row_of) if held else None

    def shown(self, change: Change, row_of: RowOf = dict) -> Change | None:
        """Return the visible members of a change; None when its layer or its feature is hidden."""
        seen = self.see(change, row_of)
        return None if seen is None else seen.change

    @property
    def layer_ids(self) -> list[str]:
        """The ids of all layers there are."""
        return list(self._catalog())

    def sees_layer(self, change: Change) -> bool:
        """Return whether actors may see any of the rows of which a change of a whole layer tells."""
        layer = self._catalog().get(change["layer"])
        cases = () if layer is None else rights_of(layer.definition, self.actor).cases
        return any(change.get("grade", 4) <= case.grade for case in cases)

    def needed(self, layer_id: str) -> frozenset[str]:
        """Return the properties of a layer's features by which rules choose among them."""
        shown = self._changes_of(layer_id)
        return frozenset() if shown is None else shown.needed

    def has_true_places(self, layers: Collection[str]) -> bool:
        """Whether features of layers are shown where they are, if at all; unknown for all layers of a policy."""
        if self.actor.policy is None:
            return True
        catalog = self._catalog()
        known = [rights_of(catalog[name].definition, self.actor) for name in layers if name in catalog]
        return bool(layers) and all(case.geometry == "full" for rights in known for case in rights.cases)

    def prefixes(self, layers: Collection[str]) -> tuple[str, ...] | None:
        """Return the areas in which alone changes of layers are seen; None when there is no such bound."""
        if is_kept_to_areas(self.actor):
            return self.actor.area_prefixes
        bound = bool(layers) and all(rules_bind(name, self.actor) for name in layers)
        return self.actor.area_prefixes if bound else None

    def _sees_area(self, change: Change) -> bool:
        """Whether the area of a fence's change is of a layer that is visible."""
        area_layer = change.get("area_layer")
        if not isinstance(area_layer, str):
            return True
        layer = self._catalog().get(area_layer)
        return layer is not None and layer.visible_to(self.actor)

    def _changes_of(self, layer_id: str) -> _LayerChanges | None:
        layer = self._catalog().get(layer_id)
        if layer is None:
            return None
        rights = rights_of(layer.definition, self.actor)
        if not rights.cases:
            return None
        known = self._by_layer.get(layer_id)
        if known is None or known[0] is not rights:  # the catalogue changes often, a definition hardly ever
            known = self._by_layer[layer_id] = rights, _LayerChanges(layer, rights)
        return known[1]


class _LayerChanges:
    """The cases of an actor applied to the changes of a layer."""

    def __init__(self, layer: Layer, rights: LayerRights) -> None:
        self._layer, self._rights = layer, rights
        self._tests = tuple(_test(case, rights) for case in rights.cases)
        self._members: dict[tuple[Case, ...], _VisibleMembers] = {}
        self.needed = frozenset(name for test in self._tests if test for name in test.names)

    def held(self, change: Change, row_of: RowOf) -> tuple[Case, ...]:
        """Return the cases that hold for the feature of a change."""
        there = _codes(change, self._layer)
        at_rest = _codes(cast("Change", {**change, **change["stored"]}), self._layer) if "stored" in change else there
        return tuple(
            case
            for case, test in zip(self._rights.cases, self._tests, strict=True)
            if change.get("grade", 4) <= case.grade
            and (case.prefixes is None or lies_in_areas(case.prefixes, *(there if case.shows_motion else at_rest)))
            and (test is None or test.holds(row_of(change), change))
        )

    def members_of(self, held: tuple[Case, ...]) -> _VisibleMembers:
        if held not in self._members:
            self._members[held] = _VisibleMembers.of(self._layer, self._rights, held)
        return self._members[held]


def _codes(change: Change, layer: Layer) -> tuple[str, str]:
    """Return the area code and the grid code that the feature's row has: the columns of the layer."""
    area, grid = area_codes(change)
    known = layer.definition.by_name
    if GRID_CODE not in known:
        return (change.get("area_code") or "") if AREA_CODE in known else "", ""
    return (area if AREA_CODE in known else grid[:AREA_DIGITS]), grid


@dataclass(frozen=True, slots=True)
class _RowTest:
    test: Test
    names: frozenset[str]

    def holds(self, row: Mapping[str, Any], change: Change) -> bool:
        """Return whether a row is of the case; not when it lacks what decides it."""
        if self.names & SHAPES and "geom" not in row:
            row = {**row, "geom": point_of(row)}
        if not self.names <= row.keys() | {"id"}:
            return False
        try:
            return self.test({**row, "id": change["id"]})
        except (ValueError, TypeError, ArithmeticError):
            return False


def _test(case: Case, rights: LayerRights) -> _RowTest | None:
    if case.rows is None:
        return None
    try:
        return _RowTest(*match_rows(case.rows, row_queryables(rights.definition), rights.actor))
    except BadFilter:  # the database alone can judge it
        return _RowTest(lambda _: False, frozenset())


@dataclass(frozen=True, slots=True)
class _VisibleMembers:
    """The members of changes that are seen where some cases hold.

    Attributes
    ----------
    names
        Names of members, by kind.
    fields
        The members of a change of any other kind.
    hidden_kinds
        Positions have a grade of their own; kinds that show them, where the actor may not see them.
    hidden_properties
        Observed properties that are fields the actor may not see.
    properties
        Observed properties that alone are seen; None is all others too.
    place
        How places are shown.
    is_whole
        Whether filters may look at the whole row, because all visible rows show the same.
    """

    names: Mapping[str, frozenset[str]]
    fields: frozenset[str]
    hidden_kinds: frozenset[str]
    hidden_properties: frozenset[str]
    properties: frozenset[str] | None
    place: GeometryShowing
    is_whole: bool

    @classmethod
    def of(cls, layer: Layer, rights: LayerRights, held: tuple[Case, ...]) -> _VisibleMembers:
        """Return the members of a layer's changes that are seen where some cases hold."""
        definition = layer.definition
        references = {field.name for field in filtered_references(layer, rights)}
        full = {field.name for field in definition.fields if any(case.showing(field.name) == "full" for case in held)}
        shown = frozenset(full - references)
        hidden = [field for field in definition.fields if field.name not in shown]
        place = _place(rights, held)
        unseen = {field.name for field in hidden} | _unseen_places(place, held) | NOT_SENT
        if any(field.live and field.live.any_observation == "time" for field in hidden):
            unseen.add("phenomenon_time")
        observed = {source for f in hidden if f.live and (source := f.live.observed)}
        return cls(
            {kind: (own | shown) - unseen for kind, own in _MEMBERS.items()},
            (COMMON_MEMBERS | shown) - unseen,
            frozenset() if place == "full" else _OF_PLACES if place == "absent" else frozenset({"fence"}),
            frozenset(observed),
            None if any(case.showing(EVERY) == "full" for case in held) else frozenset(observed_fields(definition)),
            place,
            rights.is_uniform and not references,
        )

    def seen(self, change: Change, row_of: RowOf) -> SeenChange | None:
        """Return what is visible of a change for which the cases hold."""
        observed = change.get("property")
        if change["kind"] in self.hidden_kinds or observed in self.hidden_properties:
            return None
        if self.properties is not None and observed is not None and observed not in self.properties:
            return None
        names = self.names.get(change["kind"], self.fields)
        shown: dict[str, Any] = {name: value for name, value in change.items() if name in names and value is not None}
        if (side := cell_side_m(self.place)) is not None and shown.keys() >= _PLACE:
            shown.update(_centre(shown["lon"], shown["lat"], side))
        row = row_of(change)
        return SeenChange(cast("Change", shown), row if self.is_whole else self._row(shown, row))

    def _row(self, shown: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a filter may look at: what the change shows, and the visible fields of its feature."""
        kept = {name: value for name, value in row.items() if name in self.fields - _PLACE}
        if self.place == "full":
            kept |= {name: row[name] for name in _PLACE | SHAPES if name in row}
        return {**kept, **shown}


def _place(rights: LayerRights, held: tuple[Case, ...]) -> GeometryShowing:
    """Return how the place is shown; of what moves, that is where it is now."""
    moves = rights.definition.motion is not None
    ways = [case.geometry for case in held if case.shows_motion or not moves]
    return max(ways, key=GEOMETRIES.index, default="absent")


def _unseen_places(place: GeometryShowing, held: tuple[Case, ...]) -> set[str]:
    """Return the members that tell more of a place than is shown: where it was may be in another's area."""
    if place == "full":
        return set() if all(case.is_by_grade for case in held) else {"old"}
    return {*_BOXES} if cell_side_m(place) else {*_BOXES, *_PLACE}


def _centre(lon: float, lat: float, side_m: int) -> dict[str, float]:
    """Return the centre of the cell of a place, as `layers.read.masks.mask_geometry` has it."""
    ((x, y),) = to_metres(np.array([[lon, lat]]))
    centre = [[(np.floor(value / side_m) + 0.5) * side_m for value in (x, y)]]
    ((lon, lat),) = to_degrees(np.array(centre))
    return {"lon": float(lon), "lat": float(lat)}
