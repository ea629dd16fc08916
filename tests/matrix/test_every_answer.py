"""Every allowed request of every layer, in every output, by every actor, is answered.

The requests are made from the catalogue: a new layer, field, operator or output is requested without a line here.
"""

from __future__ import annotations

import pytest

from layers.definition import read_definitions
from tests.matrix.asked import ACTORS, addresses, every_queryable, mixed_filters
from tests.matrix.conftest import earlier, items_of

LAYERS = sorted(read_definitions())


ASKERS = ("anonymous", "operator")  # other actors see other rows, but have no other requests


def wrong(answers):
    """Return the answers with a status other than 200 and 204."""
    return {target: answer for target, answer in answers.items() if answer[0] not in {200, 204}}


SHARES = 3  # every output is asked for of each layer by some, and by everybody of some layers


def in_turn(targets, turn):
    """Return every third request, beginning with the one whose turn it is: all of them over three layers."""
    return targets[turn % SHARES :: SHARES]


@pytest.mark.parametrize("name", LAYERS)
def test_every_queryable_knows_every_operator(district, name):
    layer, at, turn = district.catalog[name], earlier(), LAYERS.index(name)
    for asker in ASKERS:
        requests = list(every_queryable(layer.definition, ACTORS[asker]))
        if asker == "operator":  # some also as of a moment, with the same expressions
            targets = [items_of(name, one) for one in requests]
            targets += [items_of(name, one | {"at": at}) for one in in_turn(requests, turn)]
        else:
            targets = [items_of(name, one) for one in in_turn(requests, turn + 1)]
        assert wrong(district.statuses(asker, targets)) == {}, asker


@pytest.mark.parametrize("name", LAYERS)
def test_every_output_takes_every_queryable_from_everybody(district, name):
    layer, at, turn = district.catalog[name], earlier(), LAYERS.index(name)
    for number, (asker, actor) in enumerate(ACTORS.items()):
        plain, *placed = mixed_filters(layer.definition, actor)
        targets = list(addresses(layer.definition, (placed or [plain])[0]))
        if asker in {"officer", "operator"}:
            targets += [*addresses(layer.definition, plain), *addresses(layer.definition, (placed or [plain])[0], at)]
        if not placed:  # whoever sees no place selects none
            targets = [target for target in targets if "bbox=" not in target]
        answers = district.statuses(asker, in_turn(targets, turn + number))
        if layer.visible_to(actor):
            assert wrong(answers) == {}, asker
        else:
            assert {answer[0] for answer in answers.values()} <= {400, 404}, asker
