"""``onemap token``: access tokens of service clients (feeds, QGIS, notebooks), and the operator's token."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from layers.audit.record import AuditAction
from layers.identity.tokens import AccessToken, add_token, list_tokens, revoke_token
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.commands.accounts.labels import (
    AreaOption,
    AttributeOption,
    ClearanceOption,
    DepartmentOption,
    RoleOption,
    labels_from,
    roles_of,
)
from server.commands.accounts.table import print_table
from server.database import in_database
from server.identity.operator_token import TOKEN_FILE, write_operator_token
from server.settings import Settings

OPERATOR = "operator"

NameArgument = Annotated[str, typer.Argument(help="令牌名。 Name of the token.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "token",
        "访问令牌：接入、QGIS、笔记本等服务客户端。 Access tokens of feeds, QGIS, notebooks.",
        {"add": add, "list": show, "revoke": revoke},
    )


def add(
    name: NameArgument,
    *,
    role: RoleOption = None,
    area: AreaOption = None,
    department: DepartmentOption = None,
    clearance: ClearanceOption = None,
    attribute: AttributeOption = None,
    days: Annotated[int, typer.Option(help="有效天数，至多 731。 Days until it expires, at most 731.")] = 90,
    replace: Annotated[bool, typer.Option(help="先吊销同名令牌。 Revoke the token of this name first.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """新建令牌，仅显示一次。 Make a token; it is shown this once, and only its digest is stored.

    ./onemap token add qgis --role street_dispatcher --area 440106011
    ./onemap token add operator --replace   (换掉操作员令牌 a new operator's token, without a restart)

    使用 use: Authorization: Bearer om_…，或 Basic，密码处填令牌 or Basic with the token as the password (QGIS, GDAL).
    """
    settings = settings_of(home, config)
    if name == OPERATOR:
        token = _replace_operator(settings, replace=replace)
    else:
        labels = labels_from(roles_of(settings), role, area, department, clearance, attribute)
        token = in_database(
            settings,
            lambda c: add_token(c, name, labels, days, replace=replace),
            (AuditAction.TOKEN_CHANGE, f"token/{name}", "add"),
        )
    Console(stderr=True, highlight=False).print(f"令牌 {name}（仅显示一次 shown this once）", markup=False)
    typer.echo(token)


def show(home: HomeOption = None, config: ConfigOption = None) -> None:
    """令牌一览（不含密文）。 List the tokens, without their secrets."""
    settings = settings_of(home, config)
    heads = (
        "令牌 token", "角色 roles", "区域 areas", "密级 grade", "到期 expires", "最近使用 last used", "状态 state"
    )  # fmt: skip
    file = settings.home / TOKEN_FILE
    operators = [(OPERATOR, OPERATOR, "", "4", "", "", f"有效 in force ({file})")] if file.exists() else []
    print_table(heads, [*operators, *map(_row, in_database(settings, list_tokens))])


def revoke(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """吊销令牌，一秒内在所有进程生效。 Revoke a token; every worker refuses it within a second."""
    settings = settings_of(home, config)
    if name == OPERATOR:
        (settings.home / TOKEN_FILE).unlink(missing_ok=True)
    else:
        in_database(settings, lambda c: revoke_token(c, name), (AuditAction.TOKEN_CHANGE, f"token/{name}", "revoke"))
    Console(highlight=False).print(f"已吊销 revoked: {name}", markup=False)


def _replace_operator(settings: Settings, *, replace: bool) -> str:
    if (settings.home / TOKEN_FILE).exists() and not replace:
        raise typer.BadParameter("已有操作员令牌 there is one; --replace ends it")
    return write_operator_token(settings.home)


def _row(token: AccessToken) -> tuple[str, ...]:
    used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "从未 never"
    state = "已吊销 revoked" if token.revoked_at else "有效 in force"
    labels = token.labels
    return (
        token.name,
        ", ".join(labels.roles),
        ", ".join(labels.areas),
        str(labels.clearance),
        f"{token.expires_at:%Y-%m-%d}",
        used,
        state,
    )
