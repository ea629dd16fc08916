"""``onemap feed refused``: refused messages, to be shown, corrected, taken again or discarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import asyncpg
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.database.connection import Role, connected
from layers.errors import BadInput, OneMapError
from server.command_options import ConfigOption, HomeOption, settings_of
from server.database import open_current
from server.settings import Settings
from twin.connectors.protocols import read_registry
from twin.store.refusals import StoredRefusal, one_refused, refused, summary

if TYPE_CHECKING:
    from twin.intake.intake import Intake

_out = Console(highlight=False, soft_wrap=True)
_PAGE = 1_000
_SHOWN = 60
IdArgument = Annotated[int, typer.Argument(min=1, help="编号，见 list。 Its number, as list has it.")]
FeedOption = Annotated[str | None, typer.Option(help="只看此数据源。 Of this feed only.")]
ReasonOption = Annotated[str | None, typer.Option(help="只看此原因。 For this reason only.")]


def group() -> typer.Typer:
    """Return the group of commands."""
    made = typer.Typer(
        help="拒收的消息：查看、改正、重收、丢弃。 Refused messages: look, put right, take again, discard."
    )
    made.info.no_args_is_help = True
    made.command(name="list")(list_refused)
    for command in (show, replay, discard):
        made.command()(command)
    return made


def list_refused(
    feed: FeedOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="行数。 How many.")] = 20,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """待处理的拒收消息，最新在前。 Refused messages that wait, the newest first, and how many for which reason."""

    async def look(connection: asyncpg.Connection) -> tuple[list[str], list[StoredRefusal]]:
        counts = [row for row in await summary(connection) if feed in {None, row["feed"]}]
        lines = [f"{row['feed']}: {row['reason']} × {row['messages']:,}" for row in counts]
        return lines, await refused(connection, feed=feed, reason=reason, limit=limit)

    lines, kept = _read(settings_of(home, config), look)
    for line in lines:
        _out.print(line, markup=False)
    if not kept:
        _out.print("没有待处理的消息 nothing waits")
        return
    table = Table(box=SIMPLE_HEAD)
    for title in ("编号 id", "数据源 feed", "时间 at", "原因 reason", "说明 detail", "消息 message"):
        table.add_column(title)
    for one in kept:
        text = one.message[:_SHOWN].decode("utf-8", errors="replace")
        reason = f"{one.reason}（暂存 held）" if one.held else one.reason
        cells = (one.id, one.feed, f"{one.refused_at:%m-%d %H:%M:%S}", reason, one.detail, text)
        table.add_row(*(str(cell).replace("[", r"\[") for cell in cells))
    _out.print(table)
    _out.print("下一步 next: onemap feed refused show ID, replay ID [--file FILE], discard ID", markup=False)


def show(
    refused_id: IdArgument,
    out: Annotated[
        Path | None, typer.Option(help="写到此文件，以便改正。 Write it to a file, to be put right.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """一条消息的全部。 One message, whole."""
    kept = _read(settings_of(home, config), lambda connection: one_refused(connection, refused_id))
    if out is not None:
        out.write_bytes(kept.message)
        _out.print(f"✓ {kept.bytes:,} 字节 bytes → {out}", markup=False)
        return
    _out.print(f"{kept.feed}  {kept.reason}: {kept.detail}", markup=False)
    done = kept.replayed_at or kept.discarded_at
    if done:
        _out.print(f"{'已重收 taken again' if kept.replayed_at else '已丢弃 discarded'}: {done:%Y-%m-%d %H:%M:%S}")
    if kept.shortened:
        _out.print(f"只保存了前 {kept.bytes:,} 字节 only the first {kept.bytes:,} bytes are kept")
    _out.print(kept.message.decode("utf-8", errors="replace"), markup=False)


def replay(
    refused_id: Annotated[
        int | None, typer.Argument(min=1, help="编号。 Its number; without one, --feed or --reason.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="改正后的消息。 The message put right.")] = None,
    feed: FeedOption = None,
    reason: ReasonOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """重收：定义文件改好后，或消息改正后。 Take again: when the feed's file was mended, or with the message put right.

    例 for example:  ./onemap feed refused replay --feed hotline --reason unknown_code
    """
    if refused_id is None and feed is None and reason is None:
        raise BadInput("say which: a number, --feed or --reason", parameter="id")
    if refused_id is None and file is not None:
        raise BadInput("--file puts one message right; give its number too", parameter="file")
    corrected = None if file is None else _content(file)
    settings = settings_of(home, config)
    with open_current(settings) as url:
        taken, still = asyncio.run(_replay(url, settings, refused_id, corrected, (feed, reason)))
    for line in still[:10]:
        _out.print(f"✗ {line}", markup=False)
    _out.print(f"{taken:,} 重收 taken, {len(still):,} 仍被拒收 still refused")
    raise typer.Exit(1 if still else 0)


def discard(refused_id: IdArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """丢弃：不再处理。 Put a message away for good."""
    settings = settings_of(home, config)

    async def put_away(url: str) -> None:
        async with open_intake(url, settings) as intake:
            await intake.retaking.discard(refused_id)

    with open_current(settings) as url:
        asyncio.run(put_away(url))
    _out.print(f"✓ {refused_id}", markup=False)


async def _replay(
    url: str, settings: Settings, refused_id: int | None, corrected: bytes | None, which: tuple[str | None, str | None]
) -> tuple[int, list[str]]:
    """Take one message again, or all of a feed or reason; return their number, and those still refused."""
    taken, still = 0, list[str]()
    async with open_intake(url, settings) as intake:
        if refused_id is not None:
            await intake.retaking.replay(refused_id, corrected)
            return 1, still
        before = None
        async with connected(url, Role.READ) as connection:
            while page := await refused(connection, feed=which[0], reason=which[1], before=before, limit=_PAGE):
                before = page[-1].id
                for one in page:
                    try:
                        await intake.retaking.replay(one.id)
                        taken += 1
                    except OneMapError as error:
                        still.append(f"{one.id}: {error.message}")
    return taken, still


@asynccontextmanager
async def open_intake(url: str, settings: Settings) -> AsyncIterator[Intake]:
    """Start an intake in this process, beside the running ones."""
    from layers.catalog import read_catalog  # noqa: PLC0415  # slow to import, as the next
    from layers.definition import read_code_lists  # noqa: PLC0415
    from twin.intake.intake import Intake  # noqa: PLC0415

    async with connected(url, Role.READ) as connection:
        catalog = await read_catalog(connection, read_code_lists())
    intake = Intake(url, read_registry(settings.feeds.folder), settings.home, lambda: catalog)
    await intake.start()
    try:
        yield intake
    finally:
        await intake.stop()


def _read[T](settings: Settings, look: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def work(url: str) -> T:
        async with connected(url, Role.READ) as connection:
            return await look(connection)

    with open_current(settings) as url:
        return asyncio.run(work(url))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", parameter="file") from error
