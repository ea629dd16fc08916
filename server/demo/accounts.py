"""The accounts of the demo: made at the first start of a demo that this machine alone can reach, and shown once."""

from __future__ import annotations

import asyncpg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from layers.database.connection import connected
from layers.demo.accounts import DemoAccount, make_demo_accounts
from layers.demo.record import read_demo_record
from layers.errors import NotFound
from layers.policy.read import read_policy
from server.settings import Settings

_WIDTH_MAX = 300

__all__ = ["DemoAccount", "holds_demo", "make_once", "reset", "show"]


async def make_once(url: str, settings: Settings) -> list[DemoAccount]:
    """Make the accounts of a database that holds the demo; empty when they were made before."""
    async with connected(url) as connection:
        return await make_demo_accounts(connection, read_policy(settings.policy.folder).roles)


async def holds_demo(url: str) -> bool:
    """Whether a database holds the demo."""
    async with connected(url) as connection:
        return await read_demo_record(connection) is not None


async def reset(connection: asyncpg.Connection, settings: Settings) -> list[DemoAccount]:
    """Give the accounts new passwords.

    Raises
    ------
    NotFound
        When the database does not hold the demo: accounts of roles are for nobody's real data.
    """
    if await read_demo_record(connection) is None:
        raise NotFound("此处没有演示数据 there is no demo here; accounts of real people: ./onemap user add")
    return await make_demo_accounts(connection, read_policy(settings.policy.folder).roles, reset=True)


def show(accounts: list[DemoAccount], console: Console) -> None:
    """Print accounts and passwords as a table."""
    table = Table(
        "账户 account", "口令 password", "角色 role", "范围 scope", "密级 grade", box=SIMPLE_HEAD, title_justify="left",
        title="演示账户（口令仅显示一次，仅限本机登录） demo accounts: shown this once, for logins on this machine",
    )  # fmt: skip
    for one in accounts:
        scope = ", ".join((*one.labels.areas, *one.labels.departments, *one.labels.attributes.values()))
        table.add_row(one.name, one.password, one.title, scope or "全区 district", str(one.labels.clearance))
    width = Measurement.get(console, console.options.update(max_width=_WIDTH_MAX), table).maximum
    Console(file=console.file, width=max(width, console.width)).print(table)  # a password is never cut off
    console.print("换新口令 new passwords: ./onemap demo accounts --reset   登录 log in: /login", markup=False)
