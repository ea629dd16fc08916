"""What an actor may do with the facts of a layer, beside what it may do with the features that they tell of."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from layers.definition import LayerDefinition
from layers.layer_rights import LayerRights
from layers.moment import OF_FACTS, Facts
from layers.policy.definition import Showing

_KEPT_MAX = 5_000


@lru_cache(_KEPT_MAX)
def rights_of_facts(rights: LayerRights, facts: Facts) -> LayerRights:
    """Return the cases for the facts of features.

    Of positions, those that show where a moving feature is, and when it was there. Of observations, all, and each shows
    whatever an observation tells: it is seen by the fields of its layer that it feeds, or not at all
    (`layers.read.facts.allowed`).

    Parameters
    ----------
    rights
        Of a definition with the fields that facts add.
    """
    if facts == "version":
        return rights
    return _following(rights) if facts == "position" else _observing(rights)


def _following(rights: LayerRights) -> LayerRights:
    times = _times(rights.definition)
    kept = (
        case
        for case in rights.all_cases
        if case.shows_motion and case.geometry != "absent" and all(case.showing(name) != "absent" for name in times)
    )
    return LayerRights(rights.definition, rights.actor, tuple(kept))


def _times(definition: LayerDefinition) -> list[str]:
    """Return the fields that hold the time of a position: those of the layer, or else the one that the fact adds."""
    own = [one.name for one in definition.fields if one.live and one.live.position == "phenomenon_time"]
    return own or [one.name for one in definition.fields if one.name.startswith(OF_FACTS) and one.type == "datetime"]


def _observing(rights: LayerRights) -> LayerRights:
    added: dict[str, Showing] = {one.name: "full" for one in rights.definition.fields if one.name.startswith(OF_FACTS)}
    cases = (replace(case, showings=MappingProxyType({**case.showings, **added})) for case in rights.all_cases)
    return LayerRights(rights.definition, rights.actor, tuple(cases))
