"""Options that give an account or a token its labels."""

from __future__ import annotations

from typing import Annotated

import typer

from layers.errors import BadInput
from layers.identity.labels import IdentityLabels
from layers.identity.roles import ROLES

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
    roles: list[str] | None,
    areas: list[str] | None,
    departments: list[str] | None,
    clearance: int | None,
    attributes: list[str] | None,
) -> IdentityLabels:
    """Return the labels that options give; without a clearance, the highest of the roles.

    Raises
    ------
    BadInput
        Without a role, and for an attribute that is not ``name=value``.
    """
    if not roles:
        raise BadInput(f"--role is needed; known are {', '.join(ROLES)}", parameter="role")
    pairs = [text.partition("=") for text in attributes or []]
    wrong = [name for name, equals, value in pairs if not (name and equals and value)]
    if wrong:
        raise BadInput(f"an attribute is name=value; got {', '.join(wrong)}", parameter="attribute")
    usual = max(ROLES[role].clearance if role in ROLES else 1 for role in roles)
    return IdentityLabels(
        tuple(roles),
        tuple(areas or ()),
        tuple(departments or ()),
        clearance or usual,
        {name: value for name, _, value in pairs},
    )
