"""Options that give an account or a token its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from layers.errors import BadInput
from layers.identity.labels import IdentityLabels, labels_given
from layers.policy.definition import PolicyRole
from layers.policy.read import read_policy
from server.settings import Settings

RoleOption = Annotated[
    list[str] | None, typer.Option("--role", help="角色，可重复。 Role; may be repeated.", show_default=False)
]
AreaOption = Annotated[
    list[str] | None,
    typer.Option("--area", help="区域代码前缀，可重复。 Prefix of area codes; may be repeated.", show_default=False),
]
DepartmentOption = Annotated[
    list[str] | None,
    typer.Option("--department", help="部门，可重复。 Department; may be repeated.", show_default=False),
]
ClearanceOption = Annotated[
    int | None, typer.Option(min=1, max=4, help="最高密级，默认随角色。 Highest grade; by the roles if not given.")
]
AttributeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute", help="属性，如 worker_id=W0012。 Attribute, such as worker_id=W0012.", show_default=False
    ),
]


def labels_from(
    known: Mapping[str, PolicyRole],
    roles: list[str] | None,
    areas: list[str] | None,
    departments: list[str] | None,
    clearance: int | None,
    attributes: list[str] | None,
) -> IdentityLabels:
    """Return the labels that options give, checked; without a clearance, the highest of the roles.

    Parameters
    ----------
    known
        The roles of the policy.

    Raises
    ------
    BadInput
        Without a role, for an attribute that is not ``name=value``, and as `check_labels`.
    """
    if not roles:
        raise BadInput(f"--role is needed; known are {', '.join(known)}", parameter="role")
    pairs = [text.partition("=") for text in attributes or []]
    wrong = [name for name, equals, value in pairs if not (name and equals and value)]
    if wrong:
        raise BadInput(f"an attribute is name=value; got {', '.join(wrong)}", parameter="attribute")
    given = {name: value for name, _, value in pairs}
    return labels_given(known, roles, areas or (), departments or (), clearance, given)


def roles_of(settings: Settings) -> Mapping[str, PolicyRole]:
    """Return the roles of the policy that somebody may be given: everybody is anonymous anyway."""
    return read_policy(settings.policy.folder).roles_to_give
