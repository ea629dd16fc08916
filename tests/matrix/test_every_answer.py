"""The law: whatever may be asked of any layer, in any output, by anybody, has an answer.

It is made from the catalogue: a new layer, field, operator or output is asked for without a line here.
"""

from __future__ import annotations

import pytest

from layers.definition import read_definitions
from tests.matrix.asked import ACTORS, addresses, every_queryable, mixed_filters
from tests.matrix.conftest import earlier, items_of

LAYERS = sorted(read_definitions())


ASKERS = ("anonymous", "operator")  # the others differ from them in the rows they see, not in what can be asked


def wrong(answers):
    """Return the answers that are neither found nor empty."""
    return {target: told for target, told in answers.items() if told[0] not in {200, 204}}


@pytest.mark.parametrize("name", LAYERS)
def test_every_queryable_knows_every_operator(district, name):
    layer, at = district.catalog[name], earlier()
    for asker in ASKERS:
        asked = list(every_queryable(layer.definition, ACTORS[asker]))
        if asker == "operator":  # every other one also as of a moment, which knows the same expressions
            targets = [items_of(name, one) for one in asked]
            targets += [items_of(name, one | {"at": at}) for one in asked[::2]]
        else:
            targets = [items_of(name, one) for one in asked[:: 1 if layer.definition.motion else 3]]
        assert wrong(district.statuses(asker, targets)) == {}, asker


@pytest.mark.parametrize("name", LAYERS)
def test_every_output_takes_every_queryable_from_everybody(district, name):
    layer, at = district.catalog[name], earlier()
    for asker, actor in ACTORS.items():
        plain, *placed = mixed_filters(layer.definition, actor)
        targets = list(addresses(layer.definition, (placed or [plain])[0]))
        if asker in {"officer", "operator"}:
            targets += [*addresses(layer.definition, plain), *addresses(layer.definition, (placed or [plain])[0], at)]
        answers = district.statuses(asker, targets)
        if layer.visible_to(actor):
            assert wrong(answers) == {}, asker
        else:
            assert {told[0] for told in answers.values()} <= {400, 404}, asker
