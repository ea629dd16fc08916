"""``onemap layer``: changes title, look, grade or id of a layer that was made from a file, or drops it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Console

from layers.database.connection import Role, connected
from layers.errors import BadInput
from layers.schema.layer_edit import LayerEdit, count_layer, edit_layer, remove_layer, rename_layer
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.commands.load import parse_mapping
from server.database import open_database
from server.settings import Settings

_out = Console(highlight=False, soft_wrap=True)
NameArgument = Annotated[str, typer.Argument(help="图层编号。 Id of the layer.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "layer",
        "修改由文件建立的图层。 Change a layer that was made from a file.",
        {"set": set_layer, "rename": rename, "drop": drop},
    )


def set_layer(  # noqa: PLR0917  # typer takes the options by name
    name: NameArgument,
    title: Annotated[str | None, typer.Option(help="中文标题。 Title in Chinese.")] = None,
    title_en: Annotated[str | None, typer.Option(help="英文标题。 Title in English.")] = None,
    group: Annotated[str | None, typer.Option(help="图层树中的分组。 Group in the list of layers.")] = None,
    color: Annotated[str | None, typer.Option(help="颜色，如 #2f7ed8。 Colour on the map.")] = None,
    icon: Annotated[str | None, typer.Option(help="图标（maki 或 temaki 名）。 A pictogram of maki or temaki.")] = None,
    label: Annotated[str | None, typer.Option(help="标注字段。 The field that is written on the map.")] = None,
    visible: Annotated[bool | None, typer.Option("--visible/--hidden", help="初始是否可见。 Shown at first.")] = None,
    grade: Annotated[int | None, typer.Option(min=1, max=4, help="数据分级。 Data grade of layer and rows.")] = None,
    code_list: Annotated[
        list[str] | None, typer.Option(help="字段=代码表，可多次。 field=code list; empty takes it away.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """设置标题、分组、图标、分级、代码表。 Set title, group, look, grade and code lists; the map follows at once.

    例 for example:  ./onemap layer set shops --title 商铺 --group 民生 --icon shop --grade 1
    """
    looks = {"group_zh": group, "color": color, "icon": icon, "label": label, "visible": visible}
    hints = {key: value for key, value in looks.items() if value is not None}
    edit = LayerEdit(title, title_en, hints, grade, _code_lists(code_list or []))
    if edit == LayerEdit():
        raise BadInput("没有要修改的内容 nothing to change was given; see --help", parameter="layer")
    changed = _with_database(settings_of(home, config), lambda connection: edit_layer(connection, name, edit))
    _out.print(
        f"✓ {changed.id}: {changed.title_zh} · {changed.map.group_zh} · 分级 grade {changed.grade}", markup=False
    )


def rename(
    name: NameArgument,
    new: Annotated[str, typer.Argument(help="新的编号。 The new id.")],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """改编号，数据与历史一并带走。 Give a layer another id; rows and their past go with it."""
    _with_database(settings_of(home, config), lambda connection: rename_layer(connection, name, new))
    _out.print(f"✓ {name} → {new}", markup=False)


def drop(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不再询问。 Do not ask.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """删除图层及其历史，先询问。 Remove a layer with its rows and their past; asks first."""
    settings = settings_of(home, config)
    rows, past = _with_database(settings, lambda connection: count_layer(connection, name))
    summary = f"{name}: {rows:,} 个要素 features, {past:,} 条历史 rows of the past"
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(f"{summary}；确认删除请加 --yes to remove them, add --yes", parameter="yes")
        typer.confirm(f"{summary}。删除后无法恢复，删除吗 remove them for good?", abort=True)
    _with_database(settings, lambda connection: remove_layer(connection, name))
    _out.print(f"✓ 已删除 removed {summary}", markup=False)


def _code_lists(pairs: list[str]) -> dict[str, str]:
    """Read `field=list` pairs; an empty list takes the code list away.

    Raises
    ------
    BadInput
        When a pair is not of this form.
    """
    emptied = {pair.removesuffix("="): "" for pair in pairs if pair.endswith("=")}
    return emptied | parse_mapping([pair for pair in pairs if not pair.endswith("=")])


def _with_database[T](settings: Settings, work: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
    async def run(url: str) -> T:
        async with connected(url, Role.OWNER) as connection:
            return await work(connection)

    with open_database(settings) as url:
        return asyncio.run(run(url))
