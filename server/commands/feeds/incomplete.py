"""``onemap feed incomplete``: events without a place or a class; looked at, completed, or given up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import asyncpg
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.actor import OPERATOR
from layers.audit.note import note
from layers.audit.record import AuditAction, local_subject
from layers.database.connection import Role, connected
from layers.errors import BadInput, NotFound
from server.command_options import ConfigOption, HomeOption, settings_of
from server.commands.feeds.refused import open_intake
from server.database import open_current
from server.settings import Settings
from twin.geocoding.parse import CHARACTERS_MAX
from twin.geocoding.search import ADDRESSES, AddressSearch, one_address, search_addresses
from twin.store.events.completion import NAME, Incomplete, Need, completed, counts, incomplete, incomplete_event

if TYPE_CHECKING:
    from layers.catalog import Catalog

_out = Console(highlight=False, soft_wrap=True)
_PAGE = 1_000
_CANDIDATES = 10


def group() -> typer.Typer:
    """Return the group of commands."""
    made = typer.Typer(help="待补事件：缺位置或类别。 Events that lack their place or class: look, complete.")
    made.info.no_args_is_help = True
    made.command(name="list")(list_incomplete)
    made.command()(addresses)
    made.command(name="set")(set_)
    made.command()(refuse)
    return made


def list_incomplete(
    need: Annotated[Literal["place", "class"] | None, typer.Option(help="只看缺此项的。 Lacking this only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="行数。 How many.")] = 20,
    refused: Annotated[bool, typer.Option("--refused", help="只看已放弃定位的。 Given up places only.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """未办结而缺位置或类别的事件。 Open events that lack their place or their class."""
    with open_current(settings_of(home, config)) as url:
        waiting, found = asyncio.run(_look(url, need, limit, refused=refused))
    _out.print(
        f"缺位置 lack a place: {waiting['place']:,}; 缺类别 lack a class: {waiting['class']:,}; "
        f"已放弃定位 given up: {waiting['refused']:,}",
        markup=False,
    )
    if not found:
        return
    table = Table(box=SIMPLE_HEAD)
    heads = ("事件 event", "缺 lacks", "位置存疑 fault", "地址 address", "查址 search", "事项 matter", "标题 title")
    for title in heads:
        table.add_column(title)
    for one in found:
        fault = " ".join(filter(None, (one.place_fault, one.place_given)))
        search = f"{one.verdict} {one.confidence or 0:.2f}" if one.verdict else None
        lacks = ", ".join(one.needs) or one.refusal
        cells = (one.id, lacks, fault, one.address, search, one.matter_code, one.title)
        table.add_row(*(str(cell or "").replace("[", r"\[") for cell in cells))
    _out.print(table)
    _out.print("下一步 next: onemap feed incomplete addresses EVENT", markup=False)
    _out.print("onemap feed incomplete set EVENT --lon 113.35 --lat 23.13 (or --address ID) --class 0406", markup=False)


def addresses(
    event_id: Annotated[str, typer.Argument(help="事件编号。 The event, as list has it.")],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """其地址的候选标准地址。 The standard addresses that its address may mean, the likeliest first."""
    settings = settings_of(home, config)
    with open_current(settings) as url:
        found = asyncio.run(_candidates(url, event_id, settings.geocoding.confidence))
    _out.print(f"{found.q}: {found.verdict}", markup=False)
    for one in found.candidates:
        place = f"{one.lon:.6f}, {one.lat:.6f}" if one.lon is not None and one.lat is not None else "–"
        _out.print(f"{one.confidence:.2f}  {one.id}  {one.address}  {place}", markup=False)


def set_(
    event_id: Annotated[str, typer.Argument(help="事件编号。 The event, as list has it.")],
    lon: Annotated[float | None, typer.Option(help="经度，WGS 84。 Longitude, WGS 84.")] = None,
    lat: Annotated[float | None, typer.Option(help="纬度，WGS 84。 Latitude, WGS 84.")] = None,
    address: Annotated[str | None, typer.Option(help="标准地址的标识。 The id of a standard address.")] = None,
    event_class: Annotated[
        str | None, typer.Option("--class", help="事件类别代码，如 0406。 A code of event_class, for example 0406.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """补上位置或类别，随即入图。 Say its place or its class; it is on the map at once."""
    if (lon is None) != (lat is None):
        raise BadInput("--lon and --lat belong together", parameter="lon")
    if lon is not None and address is not None:
        raise BadInput("a place is --lon and --lat, or --address, not both", parameter="address")
    lonlat = (lon, lat) if lon is not None and lat is not None else None
    settings = settings_of(home, config)
    with open_current(settings) as url:
        asyncio.run(_complete(url, settings, event_id, lonlat, address, event_class))
    _out.print(f"✓ {event_id}", markup=False)


def refuse(
    event_id: Annotated[str, typer.Argument(help="事件编号。 The event, as list has it.")],
    reason: Annotated[
        Literal["no_place", "unclear", "elsewhere", "duplicate"],
        typer.Option(
            help="无具体地点、地址不清、不在本区、重复。 No place, an unclear address, elsewhere, a duplicate."
        ),
    ],
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """放弃定位：不再等待，仍在 --refused 中列出。 Give its place up: it waits no more, and --refused lists it."""
    settings = settings_of(home, config)

    async def give_up(url: str) -> None:
        await note(url, AuditAction.WRITE, f"events/{event_id[:200]}", detail={"place": reason})
        async with open_intake(url, settings) as intake:
            await intake.give_up_place(event_id, reason, local_subject().id)

    with open_current(settings) as url:
        asyncio.run(give_up(url))
    _out.print(f"✓ {event_id}", markup=False)


async def _look(url: str, need: Need | None, limit: int, *, refused: bool) -> tuple[dict[str, int], list[Incomplete]]:
    async with connected(url, Role.READ) as connection:
        return await counts(connection), await incomplete(connection, need=need, refused=refused, limit=limit)


async def _candidates(url: str, event_id: str, certain: float) -> AddressSearch:
    async with connected(url, Role.READ) as connection:
        event = await incomplete_event(connection, event_id)
        if event is None or not event.address:
            raise NotFound(f"there is no incomplete event '{event_id[:80]}' with an address", parameter="event_id")
        library = (await _catalog(connection))[ADDRESSES]
        address = event.address[:CHARACTERS_MAX]
        return await search_addresses(connection, library, OPERATOR, address, _CANDIDATES, certain)


async def _catalog(connection: asyncpg.Connection) -> Catalog:
    from layers.catalog import read_catalog  # noqa: PLC0415  # slow to import, as the next
    from layers.definition import read_code_lists  # noqa: PLC0415

    return await read_catalog(connection, read_code_lists())


async def _complete(
    url: str,
    settings: Settings,
    event_id: str,
    lonlat: tuple[float, float] | None,
    address_id: str | None,
    event_class: str | None,
) -> None:
    async with connected(url, Role.READ) as connection:
        catalog = await _catalog(connection)
        address = await one_address(connection, catalog[ADDRESSES], OPERATOR, address_id) if address_id else None
        message = await completed(
            connection, catalog, event_id, lonlat=lonlat, address=address, event_class=event_class
        )
    said = {name: 1 for name, one in (("lon", lonlat), ("address_id", address), ("event_class", event_class)) if one}
    await note(url, AuditAction.WRITE, f"events/{event_id[:200]}", detail=said)
    async with open_intake(url, settings) as intake:
        await intake.offer(NAME, [message])
