"""``onemap approval``: approvals of exports beyond the allowance, given by another person than who asks."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import asyncpg
import typer
from rich.console import Console

from layers.audit.record import AuditAction
from layers.catalog import read_catalog
from layers.errors import BadInput, Forbidden
from layers.identity.approvals import Approval, ApprovalRequest, approve, list_approvals, revoke_approval
from layers.identity.labels import check_name
from layers.identity.logins import find_account
from layers.identity.passwords import is_password
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.commands.accounts.table import print_table
from server.database import in_database

_APPROVER = "security_admin"
_HERE = ZoneInfo("Asia/Shanghai")
_out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "approval",
        "导出批准号：超出限额的导出须有。 Approvals of exports beyond the allowance.",
        {"add": add, "list": show, "revoke": revoke},
    )


def add(
    *,
    person: Annotated[str, typer.Option("--for", help="申请人账户，或 token:名。 Account who asks, or token:name.")],
    by: Annotated[str, typer.Option("--by", help="批准人账户（安全管理员）。 Account of the security administrator.")],
    layers: Annotated[str, typer.Option(help="图层，逗号分隔；* 为全部。 Layers by comma; * is all.")],
    purpose: Annotated[str, typer.Option(help="用途。 What for.")],
    until: Annotated[str, typer.Option(help="截止日 2026-12-31，含当日。 Last day.")],
    max_grade: Annotated[int, typer.Option(min=2, max=4, help="最高密级。 Highest grade.")] = 2,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """批准一次导出任务，输出批准号；批准人的口令从提示或标准输入读取。 Approve an export and print its number.

    ./onemap approval add --for chen.yi --by zhou.an --layers events --max-grade 3 --until 2026-12-31 --purpose 年度统计

    使用 use: OneMap-Approval: 2026-0001 （请求头 header）或 or ?approval=2026-0001
    """
    subject = person if ":" in person else f"account:{check_name(person)}"
    names = tuple(dict.fromkeys(name.strip() for name in layers.split(",") if name.strip()))
    asked = ApprovalRequest(subject, names, max_grade, purpose, _end_of(until))
    password = _password(by)

    approver, settings = f"account:{check_name(by)}", settings_of(home, config)

    async def check(connection: asyncpg.Connection) -> None:
        await _check_approver(connection, by, password)
        asked.check((await read_catalog(connection)).keys(), approver)

    in_database(settings, check)
    recorded = AuditAction.APPROVAL, f"approval/{subject}", f"add by {check_name(by)}: {','.join(names)[:200]}"
    typer.echo(in_database(settings, lambda connection: approve(connection, asked, approver), recorded))


def show(home: HomeOption = None, config: ConfigOption = None) -> None:
    """批准一览。 List the approvals."""
    heads = (
        "批准号 number", "申请人 for", "批准人 by", "图层 layers", "密级 grade", "截止 until", "用途 purpose",
        "状态 state",
    )  # fmt: skip
    print_table(heads, map(_row, in_database(settings_of(home, config), list_approvals)))


def revoke(
    number: Annotated[str, typer.Argument(help="批准号 2026-0001。 Number.", show_default=False)],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """撤销批准，立即生效。 Revoke an approval, at once."""
    recorded = AuditAction.APPROVAL, f"approval/{number[:20]}", "revoke"
    in_database(settings_of(home, config), lambda connection: revoke_approval(connection, number), recorded)
    _out.print(f"✓ 已撤销 revoked: {number}", markup=False)


def _end_of(day: str) -> datetime:
    try:
        last = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  # a day
    except ValueError as error:
        raise BadInput(f"--until is '{day[:40]}'; write a day: 2026-12-31", parameter="until") from error
    return datetime.combine(last + timedelta(days=1), time(), _HERE)


def _password(by: str) -> str:
    if sys.stdin.isatty():
        typed: str = typer.prompt(f"{by} 的口令 password of {by}", hide_input=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


async def _check_approver(connection: asyncpg.Connection, by: str, password: str) -> None:
    """Check that whoever approves may, and is there.

    Raises
    ------
    Forbidden
        When there is no such security administrator, or the password is not his.
    """
    account = await find_account(connection, check_name(by))
    is_right = is_password(account.password_hash if account else None, password)
    if account is None or not is_right or account.disabled or _APPROVER not in account.roles:
        raise Forbidden(
            f"批准人须为安全管理员并输入口令 --by is an account with the role {_APPROVER}, and its password"
        )


def _row(one: Approval) -> tuple[str, ...]:
    over = one.expires_at <= datetime.now(UTC)
    state = "已撤销 revoked" if one.revoked_at else "已到期 ended" if over else "有效 in force"
    until = f"{one.expires_at.astimezone(_HERE):%Y-%m-%d %H:%M}"
    layers = ", ".join(one.layers)
    return one.number, one.subject, one.approved_by, layers, str(one.max_grade), until, one.purpose, state
