"""``onemap purge`` erases the history of features, ``onemap erase`` a person wherever they are; both for good."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.audit.note import note
from layers.audit.record import AuditAction
from layers.database.connection import Role, connected
from layers.errors import BadInput
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import open_database
from twin.connectors.drop_erasure import files_with
from twin.store.erasure.erase import Found, erase_person, find_person
from twin.store.erasure.terms import PersonTerms, person_terms
from twin.store.purge import purge_past

_out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(purge)
    app.command()(erase)


def purge(
    layer: Annotated[str, typer.Argument(help="图层。 The layer.")],
    feature: Annotated[
        list[str] | None, typer.Option("--id", help="要素标识，可多次。 Id of a feature; may be given again.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="全部要素。 Every feature of the layer.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问。 Do not ask.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """彻底删除要素的历史。 Erase what features were: replaced rows, positions, observations, changes.

    现有的要素不变；备份中的副本不受影响。
    What stands on the map stays; copies in backups are not touched.
    """
    if bool(feature) == every:
        raise BadInput("name features with --id, or take every one with --all", parameter="id")
    if not yes:
        features = "全部要素 every feature" if every else ", ".join(feature or ())
        typer.confirm(f"彻底删除历史 erase for good the past of {layer}: {features}?", abort=True)
    with open_database(settings_of(home, config)) as url:
        erased = asyncio.run(_purge(url, layer, feature))
    _out.print(f"已删除 erased: {erased:,}")


async def _purge(url: str, layer: str, ids: list[str] | None) -> int:
    await note(url, AuditAction.PURGE, f"layer/{layer}", detail={"features": "all" if ids is None else len(ids)})
    async with connected(url, Role.OWNER) as connection:
        return await purge_past(connection, layer, ids)


def erase(
    *,
    name: Annotated[list[str] | None, typer.Option(help="姓名，可多次。 A name; may be given again.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="电话。 A phone.")] = None,
    plate: Annotated[list[str] | None, typer.Option(help="车牌。 A number plate.")] = None,
    worker: Annotated[list[str] | None, typer.Option(help="网格员编号，连同其轨迹。 A worker, with track.")] = None,
    person_id: Annotated[
        list[str] | None, typer.Option("--reporter", help="上报人等的标识。 An id of a reporter or another person.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="整体删除：图层。 A feature as a whole: its layer.")] = None,
    feature: Annotated[
        list[str] | None, typer.Option("--id", help="整体删除：要素标识。 A feature as a whole: its id.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只显示，不删除。 Show what it would do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问。 Do not ask.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """删除个人信息：图层及历史、变更日志、拒收、轨迹、文件与瓦片缓存。 Erase a person everywhere.

    例 for example:  ./onemap erase --name 王小明 --phone 13800138000 --dry-run

    先列出所在之处再询问；每个存储一个事务，中断后重复同一命令即可续做；审计中只记数量，不记个人信息。备份中的副本不受影响。
    Shows where the values are, then asks. One transaction a store: cut off, the same command goes on. The audit gets
    numbers and no values. Copies in backups are not touched.
    """
    if bool(layer) != bool(feature):
        raise BadInput("--layer and --id belong together", parameter="layer")
    terms = person_terms(name or (), phone or (), plate or (), (*(worker or ()), *(person_id or ())))
    features = [("grid_workers", one) for one in worker or ()] + [(layer or "", one) for one in feature or ()]
    if not (terms.all or features):
        raise BadInput("say whom to erase: --name, --phone, --plate, --worker, --reporter, or --layer and --id")
    settings = settings_of(home, config)
    files = files_with(settings.home, terms) if terms.all else []
    with open_database(settings) as url:
        found = asyncio.run(_find(url, terms, features))
        _show(found, files)
        if dry_run or not (found.total or files):
            return
        if not yes:
            typer.confirm("彻底删除 erase for good?", abort=True)
        erased = asyncio.run(_erase(url, terms, features))
    for path in files:
        path.unlink(missing_ok=True)
    shutil.rmtree(settings.home / "tiles", ignore_errors=True)  # drawn again, without the values
    _out.print(f"已删除 erased: {erased:,} + {len(files):,} 文件 files")


def _show(found: Found, files: list[Path]) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("所在 where", no_wrap=True)
    table.add_column("行数 rows", justify="right")
    for where, rows in (*found.rows.items(), ("要素 features", found.features), ("文件 files", len(files))):
        if rows:
            table.add_row(where, f"{rows:,}")
    _out.print(table if table.row_count else "没有找到 nothing was found")
    for where, rows in found.keys.items():
        _out.print(
            f"! {where}: {rows:,} 个标识含有该值，须整体删除要素 names have it; use --layer and --id", markup=False
        )


async def _find(url: str, terms: PersonTerms, features: list[tuple[str, str]]) -> Found:
    async with connected(url, Role.OWNER) as connection:
        return await find_person(connection, terms, features)


async def _erase(url: str, terms: PersonTerms, features: list[tuple[str, str]]) -> int:
    """Erase, with a record before and one after; neither has a value."""
    asked: dict[str, str | int] = {"values": len(terms.values), "ids": len(terms.ids), "features": len(features)}
    await note(url, AuditAction.ERASE, "person", detail=asked)
    async with connected(url, Role.OWNER) as connection:
        erased = await erase_person(connection, terms, features)
    await note(url, AuditAction.ERASE, "person", detail=asked | {"erased": erased})
    return erased
