"""``onemap user``: local accounts, for a district without an identity provider and for the day when it is away."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from layers.audit.record import AuditAction
from layers.errors import BadInput
from layers.identity.accounts import (
    LocalAccount,
    add_account,
    list_accounts,
    set_disabled,
    set_labels,
    set_may_elevate,
    set_password,
    set_totp,
)
from layers.identity.labels import check_name
from layers.identity.passwords import check_new, hash_password
from layers.identity.sessions import list_sessions, revoke_sessions
from layers.identity.totp import new_totp_secret, totp_uri, uri_as_text
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
from server.identity.totp_seal import TotpSeal

NameArgument = Annotated[str, typer.Argument(help="账户名。 Name of the account.", show_default=False)]
_out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "user",
        "本地账户、口令、动态口令、会话。 Local accounts, passwords, one-time codes, sessions.",
        {
            "add": add,
            "list": show,
            "roles": roles,
            "passwd": passwd,
            "totp": totp,
            "disable": disable,
            "enable": enable,
            "sessions": sessions,
            "revoke": revoke,
            "break-glass": break_glass,
        },
    )


def add(
    name: NameArgument,
    *,
    role: RoleOption = None,
    area: AreaOption = None,
    department: DepartmentOption = None,
    clearance: ClearanceOption = None,
    attribute: AttributeOption = None,
    title: Annotated[str, typer.Option(help="姓名或说明。 Name for people to read.")] = "",
    keep: Annotated[bool, typer.Option(help="首次登录不必改口令。 The password need not be changed at first.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """新建账户；口令从提示或标准输入读取。 Add an account; the password is asked for, or read from standard input.

    ./onemap user add chen.yi --role street_dispatcher --area 440106011 --title 陈一
    """
    settings = settings_of(home, config)
    labels = labels_from(roles_of(settings), role, area, department, clearance, attribute)
    hashed = hash_password(_new_password(check_name(name)))
    in_database(
        settings,
        lambda c: add_account(c, name, labels, title=title, password_hash=hashed, must_change=not keep),
        _change(name, "add"),
    )
    _out.print(f"✓ 已新建 added: {check_name(name)}", markup=False)
    needed = sorted(set(labels.roles) & set(settings.identity.totp_roles))
    if needed:
        _out.print(
            f"还须绑定动态口令 it needs a one-time code too: ./onemap user totp {check_name(name)}", markup=False
        )


def show(home: HomeOption = None, config: ConfigOption = None) -> None:
    """账户一览。 List the accounts."""
    heads = (
        "账户 account", "姓名 title", "角色 roles", "区域 areas", "密级 grade", "属性 attributes", "动态口令 TOTP",
        "最近登录 last login", "状态 state",
    )  # fmt: skip
    print_table(heads, map(_row, in_database(settings_of(home, config), list_accounts)))


def _row(one: LocalAccount) -> tuple[str, ...]:
    labels = one.labels
    state = "停用 disabled" if one.disabled else "须改口令 must change" if one.must_change else "正常 active"
    return (
        one.name,
        one.title,
        ", ".join(labels.roles),
        ", ".join((*labels.areas, *labels.departments)),
        str(labels.clearance),
        ", ".join(f"{key}={value}" for key, value in labels.attributes.items()),
        "有 yes" if one.has_totp else "无 no",
        f"{one.last_login:%Y-%m-%d %H:%M}" if one.last_login else "从未 never",
        state + (" · 应急 break-glass" if one.may_elevate else ""),
    )


def roles(
    name: NameArgument,
    *,
    role: RoleOption = None,
    area: AreaOption = None,
    department: DepartmentOption = None,
    clearance: ClearanceOption = None,
    attribute: AttributeOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """更换角色与范围，全部重新给出。 Replace all labels of an account; its sessions follow at once."""
    settings = settings_of(home, config)
    labels = labels_from(roles_of(settings), role, area, department, clearance, attribute)
    in_database(settings, lambda connection: set_labels(connection, name, labels), _change(name, "labels"))
    _out.print(f"✓ 已更换 replaced: {name}", markup=False)


def passwd(
    name: NameArgument,
    keep: Annotated[bool, typer.Option(help="登录时不必再改。 It need not be changed at the next login.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """重设口令并结束其会话。 Set a password, asked for or from standard input, and end the sessions."""
    hashed = hash_password(_new_password(check_name(name)))
    in_database(
        settings_of(home, config),
        lambda c: set_password(c, name, hashed, must_change=not keep),
        _change(name, "passwd"),
    )
    _out.print(f"✓ 已重设 password set: {name}", markup=False)


def totp(
    name: NameArgument,
    remove: Annotated[bool, typer.Option(help="取消动态口令。 Remove it.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """绑定动态口令（TOTP），密钥仅显示一次。 Set a one-time code; the secret is shown this once."""
    settings, secret = settings_of(home, config), None if remove else new_totp_secret()
    stored = secret and TotpSeal.of_home(settings.home, os.environ).seal(check_name(name), secret)
    in_database(settings, lambda c: set_totp(c, name, stored), _change(name, "totp"))
    if secret is None:
        _out.print(f"✓ 已取消 removed: {name}", markup=False)
        return
    Console(stderr=True, highlight=False).print(
        "在验证器中添加 add it to an authenticator (仅显示一次 shown this once)"
    )
    uri = totp_uri(secret, name)
    if sys.stdout.isatty():  # a program that reads the address gets nothing else
        typer.echo(uri_as_text(uri))
    typer.echo(uri)


def disable(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """停用账户，立即结束其会话。 Disable an account and end its sessions at once."""
    in_database(settings_of(home, config), lambda c: set_disabled(c, name, disabled=True), _change(name, "disable"))
    _out.print(f"✓ 已停用 disabled: {name}", markup=False)


def enable(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """启用账户。 Enable an account again."""
    in_database(settings_of(home, config), lambda c: set_disabled(c, name, disabled=False), _change(name, "enable"))
    _out.print(f"✓ 已启用 enabled: {name}", markup=False)


def sessions(
    name: Annotated[str | None, typer.Argument(help="账户名，默认全部。 Name of an account; all if not given.")] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """在线会话一览。 List the sessions that are alive."""
    heads = (
        "会话 session", "账户 account", "方式 method", "地址 address", "登录 login", "最近 last seen", "客户端 client"
    )  # fmt: skip
    rows = []
    for row in in_database(settings_of(home, config), lambda connection: list_sessions(connection, name)):
        began, seen = (f"{row[column]:%Y-%m-%d %H:%M}" for column in ("created_at", "last_seen"))
        rows.append((row["id"], row["name"], row["method"], row["address"], began, seen, row["agent"][:40]))
    print_table(heads, rows)


def revoke(
    which: Annotated[str, typer.Argument(help="会话或账户名。 A session, or an account.", show_default=False)],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """结束会话，一秒内在所有进程生效。 End a session, or all of an account; every worker knows within a second."""
    count = in_database(settings_of(home, config), lambda c: revoke_sessions(c, which), _change(which, "end sessions"))
    _out.print(f"✓ 已结束 ended: {count}", markup=False)


def _change(name: str, operation: str) -> tuple[AuditAction, str, str]:
    """Return what the audit records of a change of an account."""
    return AuditAction.USER_CHANGE, f"user/{name}", operation


def break_glass(
    name: NameArgument,
    allow: Annotated[bool, typer.Option("--allow/--forbid", help="是否可应急提权。 Whether it may elevate.")] = True,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """允许账户应急提权（至多 4 小时，须写明理由）。 Allow an account break-glass: 4 hours at most, with a reason."""
    in_database(
        settings_of(home, config), lambda c: set_may_elevate(c, name, may=allow), _change(name, f"may elevate: {allow}")
    )
    _out.print(f"✓ {name}: {'允许 allowed' if allow else '不允许 forbidden'}", markup=False)


def _new_password(name: str) -> str:
    """Ask for a new password twice, or read one line of standard input; it never stands in a command line.

    Raises
    ------
    BadInput
        When it is too simple, or the second one differs.
    """
    if sys.stdin.isatty():
        password: str = typer.prompt("口令 password", hide_input=True)
        if typer.prompt("再次 again", hide_input=True) != password:
            raise BadInput("两次口令不同 the two passwords differ", parameter="password")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    check_new(password, name)
    return password
