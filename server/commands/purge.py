"""``onemap purge``: erases the history of features for good."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from layers.audit.note import note
from layers.audit.record import AuditAction
from layers.database.connection import Role, connect
from layers.errors import BadInput
from server.commands.options import ConfigOption, HomeOption, settings_of
from server.database import open_database
from twin.store.purge import purge_past

_out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(purge)


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
    connection = await connect(url, Role.OWNER)
    try:
        return await purge_past(connection, layer, ids)
    finally:
        await connection.close()
