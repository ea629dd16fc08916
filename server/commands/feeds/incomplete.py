"""``onemap feed incomplete``: events without a place or a class; looked at and completed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.database.connection import Role, connect
from layers.errors import BadInput
from server.commands.feeds.refused import open_intake
from server.commands.options import ConfigOption, HomeOption, settings_of
from server.database import open_current
from server.settings import Settings
from twin.store.events.completion import NAME, Incomplete, Need, completed, counts, incomplete

_out = Console(highlight=False, soft_wrap=True)
_PAGE = 1_000


def group() -> typer.Typer:
    """Return the group of commands."""
    made = typer.Typer(help="待补事件：缺位置或类别。 Events that lack their place or class: look, complete.")
    made.info.no_args_is_help = True
    made.command(name="list")(list_incomplete)
    made.command(name="set")(set_)
    return made


def list_incomplete(
    need: Annotated[Literal["place", "class"] | None, typer.Option(help="只看缺此项的。 Lacking this only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="行数。 How many.")] = 20,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """未办结而缺位置或类别的事件。 Open events that lack their place or their class."""
    with open_current(settings_of(home, config)) as url:
        waiting, found = asyncio.run(_look(url, need, limit))
    _out.print(f"缺位置 lack a place: {waiting['place']:,}; 缺类别 lack a class: {waiting['class']:,}", markup=False)
    if not found:
        return
    table = Table(box=SIMPLE_HEAD)
    for title in ("事件 event", "缺 lacks", "位置存疑 fault", "地址 address", "事项 matter", "标题 title"):
        table.add_column(title)
    for one in found:
        fault = " ".join(filter(None, (one.place_fault, one.place_given)))
        cells = (one.id, ", ".join(one.needs), fault, one.address, one.matter_code, one.title)
        table.add_row(*(str(cell or "").replace("[", r"\[") for cell in cells))
    _out.print(table)
    _out.print("下一步 next: onemap feed incomplete set EVENT --lon 113.35 --lat 23.13 --class 0406", markup=False)


def set_(
    event_id: Annotated[str, typer.Argument(help="事件编号。 The event, as list has it.")],
    lon: Annotated[float | None, typer.Option(help="经度，WGS 84。 Longitude, WGS 84.")] = None,
    lat: Annotated[float | None, typer.Option(help="纬度，WGS 84。 Latitude, WGS 84.")] = None,
    event_class: Annotated[
        str | None, typer.Option("--class", help="事件类别代码，如 0406。 A code of event_class, for example 0406.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """补上位置或类别，随即入图。 Say its place or its class; it is on the map at once."""
    if (lon is None) != (lat is None):
        raise BadInput("--lon and --lat belong together", parameter="lon")
    lonlat = (lon, lat) if lon is not None and lat is not None else None
    settings = settings_of(home, config)
    with open_current(settings) as url:
        asyncio.run(_complete(url, settings, event_id, lonlat, event_class))
    _out.print(f"✓ {event_id}", markup=False)


async def _look(url: str, need: Need | None, limit: int) -> tuple[dict[str, int], list[Incomplete]]:
    connection = await connect(url, Role.READ)
    try:
        return await counts(connection), await incomplete(connection, need=need, limit=limit)
    finally:
        await connection.close()


async def _complete(
    url: str, settings: Settings, event_id: str, lonlat: tuple[float, float] | None, event_class: str | None
) -> None:
    from layers.catalog import read_catalog  # noqa: PLC0415  # slow to import, as the next
    from layers.definition import read_code_lists  # noqa: PLC0415

    connection = await connect(url, Role.READ)
    try:
        catalog = await read_catalog(connection, read_code_lists())
        message = await completed(connection, catalog, event_id, lonlat=lonlat, event_class=event_class)
    finally:
        await connection.close()
    async with open_intake(url, settings) as intake:
        await intake.offer(NAME, [message])
