"""The policy that a process holds: read again when its files change, and checked against the layers there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from layers.catalog import Catalog
from layers.definition import read_sound_definitions
from layers.policy.holder import PolicyHolder
from layers.policy.policy import Policy
from layers.review.check import errors_of


def hold_policy(folder: Path, layers: Path, catalog: Callable[[], Catalog]) -> PolicyHolder:
    """Return the holder of a policy; every process of a server refuses the same policies.

    Parameters
    ----------
    folder, layers
        Folders of the policy, and of the operator's definitions of layers.
    catalog
        Returns the current catalogue.

    Raises
    ------
    BadInput
        When the policy cannot be read, or is wrong; one that names a layer that is not there keeps no server from
        starting.
    """
    defined = read_sound_definitions(layers)

    def check(policy: Policy, *, lacks_layers: bool = False) -> list[str]:
        known = defined | {layer.id: layer.definition for layer in catalog().values()}
        return errors_of(policy, known, lacks_layers=lacks_layers)

    return PolicyHolder(folder, check, partial(check, lacks_layers=True))
