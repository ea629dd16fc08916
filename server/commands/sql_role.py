"""``onemap sql-role``: people who read in SQL, with psql, QGIS or DuckDB: a role of PostgreSQL each, and its views."""

from __future__ import annotations

import asyncio
from typing import Annotated

import asyncpg
import typer
from rich.console import Console

from layers.audit.note import note
from layers.audit.record import AuditAction
from layers.catalog import read_catalog
from layers.database.connection import Role, connect, connected
from layers.definition import read_code_lists
from layers.identity.labels import IdentityLabels
from layers.policy.read import read_policy
from layers.sql_readers.readers import GRADE_MAX, add_reader, list_readers, remove_reader
from layers.sql_readers.views import PREFIX
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.commands.accounts.labels import (
    AreaOption,
    AttributeOption,
    DepartmentOption,
    RoleOption,
    labels_from,
    roles_of,
)
from server.commands.accounts.table import print_table
from server.database import in_database, open_current
from server.identity.sql_readers import refresh_views
from server.settings import Settings

_out = Console(highlight=False)
NameArgument = Annotated[str, typer.Argument(help="名称；数据库角色为 sql_名称。 Name; the role is sql_NAME.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "sql-role",
        "只读 SQL：psql、QGIS、DuckDB。 Read-only SQL for analysts.",
        {"add": add, "list": show, "remove": remove},
    )


def add(
    name: NameArgument,
    *,
    role: RoleOption = None,
    area: AreaOption = None,
    department: DepartmentOption = None,
    attribute: AttributeOption = None,
    days: Annotated[int, typer.Option(help="有效天数，至多 366。 Days until it expires, at most 366.")] = 90,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """新建只读角色及其视图，密码仅显示一次。 Make a role with its views; the password is shown this once.

    ./onemap sql-role add li --role analyst

    视图与图层同形，权限随策略；至多显示 2 级，须有导出权限。 Views have the shape of the layers and the rights of the
    policy: grade 2 at most, and only layers that its roles may export.
    """
    settings = settings_of(home, config)
    labels = labels_from(roles_of(settings), role, area, department, None, attribute)
    kept = IdentityLabels(
        labels.roles, labels.areas, labels.departments, min(labels.clearance, GRADE_MAX), labels.attributes
    )
    with open_current(settings) as url:
        password, layers = asyncio.run(_add(url, settings, name, kept, days))
    Console(stderr=True, highlight=False).print(f"角色 role {PREFIX}{name}: {', '.join(layers)}", markup=False)
    typer.echo(password)


def show(home: HomeOption = None, config: ConfigOption = None) -> None:
    """只读角色一览。 List the roles."""
    rows = [
        (
            PREFIX + one.name,
            ", ".join(one.labels.roles),
            ", ".join(one.labels.areas),
            f"{one.expires_at:%Y-%m-%d}",
            "有效 in force" if one.can_log_in else "本库无此角色 no such role here",
        )
        for one in in_database(settings_of(home, config), list_readers)
    ]
    print_table(("角色 role", "策略角色 roles", "区域 areas", "到期 expires", "状态 state"), rows)


def remove(name: NameArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """删除只读角色及其视图，结束其会话。 Remove a role and its views, and end its sessions."""
    with open_current(settings_of(home, config)) as url:
        asyncio.run(_remove(url, name))
    _out.print(f"已删除 removed: {PREFIX}{name}", markup=False)


async def _add(url: str, settings: Settings, name: str, labels: IdentityLabels, days: int) -> tuple[str, list[str]]:
    await note(url, AuditAction.USER_CHANGE, f"sql/{name[:41]}", detail={"operation": "add", "days": days})
    async with connected(url, role=None) as maker:
        password = await add_reader(maker, name, labels, days)
    async with connected(url, Role.OWNER) as connection:
        return password, await _views(connection, settings, name)


async def _views(connection: asyncpg.Connection, settings: Settings, name: str) -> list[str]:
    catalog = await read_catalog(connection, read_code_lists())
    made = await refresh_views(connection, catalog, read_policy(settings.policy.folder))
    return made.get(name, [])


async def _remove(url: str, name: str) -> None:
    await note(url, AuditAction.USER_CHANGE, f"sql/{name[:41]}", detail={"operation": "remove"})
    maker = await connect(url, role=None)
    try:
        await remove_reader(maker, name)
    finally:
        await maker.close()
