"""``onemap audit``: verifies, anchors and exports the audit."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer
from rich.console import Console

from layers.audit.anchor import Anchor, read_anchors
from layers.audit.export import as_csv_line, as_json_line, csv_head, verify_export
from layers.audit.note import note
from layers.audit.record import AuditAction
from layers.audit.store import read_period
from layers.audit.verify import ChainWalk, verify
from layers.database.connection import Role, connect, connected
from layers.errors import BadFile, BadInput
from layers.moment import read_time
from server.audit.anchoring import anchors_file, make_anchor
from server.audit.keys import audit_key
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.database import open_current

_out = Console(highlight=False, soft_wrap=True)
AnchorsOption = Annotated[
    Path | None,
    typer.Option(
        help="锚点文件（最好是另存的副本）。 File of anchors, best a copy kept elsewhere.", show_default=False
    ),
]
KeyOption = Annotated[
    Path | None, typer.Option(help="锚点的密钥文件。 File with the key of the anchors.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "audit",
        "审计：验证、锚点、导出。 The audit: verify, anchor, export.",
        {"verify": verify_chains, "anchor": anchor, "export": export},
    )


def verify_chains(
    anchors: AnchorsOption = None,
    key: KeyOption = None,
    file: Annotated[
        Path | None,
        typer.Option(help="验证导出的文件而非数据库。 An export in place of the database.", show_default=False),
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """逐条验证审计链，报告第一处断裂。 Walk every chain and report the first break of each.

    与锚点比较才能发现末尾被截断：请使用数据库管理员改不到的副本。
    Only a comparison with anchors shows that an end was cut off: use a copy that the database's administrator cannot
    write.
    退出码 exit code: 0 完好 whole, 1 有断裂 broken.
    """
    if file is not None:
        _report(verify_export(file), [])
        return
    settings = settings_of(home, config)
    source = anchors or anchors_file(settings.home)
    if anchors is not None and not anchors.exists():
        raise BadFile(f"there is no file {anchors}", parameter="anchors")
    secret = _read_key(key) if key else audit_key(settings.home, "anchors")
    kept = read_anchors(source, secret)
    with open_current(settings) as url:
        walks = asyncio.run(_verify(url, kept))
    _report(walks, kept)


def _read_key(file: Path) -> bytes:
    try:
        return bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise BadFile(f"{file} holds no key in hexadecimal digits", parameter="key") from error


async def _verify(url: str, anchors: list[Anchor]) -> list[ChainWalk]:
    async with connected(url, Role.AUDITOR) as connection:
        return await verify(connection, anchors)


def _report(walks: list[ChainWalk], anchors: list[Anchor]) -> None:
    for walk in walks:
        if walk.fault is None:
            span = f"{walk.first}–{walk.last}" if walk.records else "空 empty"
            _out.print(f"✓ {walk.chain}: {walk.records:,} 条记录 records ({span})", markup=False)
        else:
            text = f"✗ {walk.chain}: 第 {walk.fault.seq} 条 record {walk.fault.seq}: {walk.fault.reason}"
            _out.print(text, style="red", markup=False)
        if walk.backwards:
            _out.print(f"  时钟回拨 the clock went backwards {walk.backwards} 次 times", markup=False)
    if anchors:
        _out.print(
            f"  锚点 anchors: {len(anchors)}, 最近 the last of {anchors[-1].at:%Y-%m-%d %H:%M} UTC", markup=False
        )
    if any(walk.fault for walk in walks):
        raise typer.Exit(1)


def anchor(home: HomeOption = None, config: ConfigOption = None) -> None:
    """写一个锚点：各链的末尾、时间与签名。 Write an anchor: the end of each chain, the time, a signature.

    请把文件复制到数据库管理员写不到的地方。 Copy the file to where the database's administrator cannot write.
    """
    settings = settings_of(home, config)
    with open_current(settings) as url:
        made = asyncio.run(make_anchor(url, settings.home))
    for chain, point in made.chains.items():
        _out.print(f"{chain}: {point.seq:,}  {point.hash}", markup=False)
    _out.print(f"已写入 written to {anchors_file(settings.home)}", markup=False)


def export(
    out: Annotated[Path | None, typer.Option(help="文件；默认标准输出。 File; standard output without it.")] = None,
    form: Annotated[
        Literal["ndjson", "csv"], typer.Option("--format", help="ndjson 可独立验证。 ndjson can be verified alone.")
    ] = "ndjson",
    begin: Annotated[
        str | None, typer.Option("--from", help="起（含），须带时区。 From this time on: 2026-06-08T00:00:00+08:00.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="止（不含）。 Before this time.")] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """导出审计记录；导出本身也被记录。 Export records; the export is recorded too.

    验证 verify: ./onemap audit verify --file FILE
    """
    first, last = (None if text is None else read_time(text, name) for text, name in ((begin, "from"), (end, "to")))
    if first and last and first >= last:
        raise BadInput(f"the period ends before it begins: {begin} to {end}", parameter="to")
    with open_current(settings_of(home, config)) as url:
        if out is None:
            asyncio.run(_export(url, sys.stdout.buffer, form, first, last))
            return
        with out.open("wb") as opened:
            count = asyncio.run(_export(url, opened, form, first, last))
    _out.print(f"{count:,} 条记录 records → {out}", markup=False)


async def _export(url: str, out: BinaryIO, form: str, begin: datetime | None, end: datetime | None) -> int:
    period = {"from": str(begin or ""), "to": str(end or "")}
    await note(url, AuditAction.ADMIN, "audit", detail={"operation": "export", "format": form, **period})
    line = as_csv_line if form == "csv" else as_json_line
    connection = await connect(url, Role.AUDITOR)
    count = 0
    try:
        if form == "csv":
            out.write(csv_head())
        async for row in read_period(connection, begin, end):
            out.write(line(row))
            count += 1
    finally:
        await connection.close()
    return count
