"""``onemap doctor``: runs all checks and changes nothing; exits with 1 when something is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from layers.cluster import borrowed_cluster
from layers.cluster.place import find_place
from layers.definition import read_sound_definitions
from layers.errors import OneMapError
from layers.policy.read import read_policy
from server.command_options import ConfigOption, HomeOption, settings_of
from server.commands.policy import known_layers
from server.doctor.audit import examine_audit
from server.doctor.backups import examine_backups
from server.doctor.database import examine_database
from server.doctor.feeds import examine_feeds
from server.doctor.machine import Finding, FindingState, examine_machine
from server.doctor.materials import bill_of_materials
from server.doctor.rights import MatrixForm, examine_policy, write_matrix
from server.doctor.rules import examine_rules
from server.doctor.wire import examine_wire
from server.settings import Settings
from twin.rules.calendar import LOCAL

_WIDE = 240
_STYLE = {FindingState.WELL: "green", FindingState.WARNING: "yellow", FindingState.WRONG: "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    sbom: Annotated[
        bool, typer.Option("--sbom", help="只输出软件物料清单（CycloneDX）。 Write the bill of materials alone.")
    ] = False,
    rights: Annotated[
        bool,
        typer.Option(
            "--rights", help="只打印权限矩阵，供审计存档。 Print the matrix of rights alone, for the auditor."
        ),
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="矩阵为 CSV。 The matrix as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="矩阵为 JSON。 The matrix as JSON.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """体检，并说明如何修复。 Look at everything and say what to do about each finding.

    例 for example:  ./onemap doctor --sbom > onemap.cdx.json
                     ./onemap doctor --rights --csv > rights.csv   角色 × 图层 roles × layers
    """
    if sbom:
        typer.echo(json.dumps(bill_of_materials(datetime.now(UTC)), ensure_ascii=False, indent=2))
        return
    if rights or as_csv or as_json:
        _print_rights(settings_of(home, config), "json" if as_json else "csv" if as_csv else "table")
        return
    console, worst = Console(highlight=False, soft_wrap=True), FindingState.WELL
    for finding in _examine(settings_of(home, config)):
        console.print(f"{finding.state} {finding.subject}: {finding.detail}", style=_STYLE[finding.state], markup=False)
        if finding.remedy:
            console.print(f"    → {finding.remedy}", markup=False)
        worst = FindingState.WRONG if FindingState.WRONG in {worst, finding.state} else worst
    raise typer.Exit(1 if worst is FindingState.WRONG else 0)


def _print_rights(settings: Settings, form: MatrixForm) -> None:
    definitions, _ = known_layers(settings)
    matrix = write_matrix(read_policy(settings.policy.folder), definitions, form)
    if isinstance(matrix, str):
        typer.echo(matrix)
        return
    console = Console(highlight=False)
    (console if console.is_terminal else Console(width=_WIDE, highlight=False)).print(matrix)


def _examine(settings: Settings) -> Iterator[Finding]:
    yield from examine_machine(settings)
    yield from examine_wire(settings.server, datetime.now(UTC))
    yield from examine_audit(settings, datetime.now(UTC))
    yield from examine_feeds(settings)
    yield from examine_backups(settings, datetime.now(UTC))
    yield from examine_rules(settings.rules.folder, datetime.now(LOCAL).date())
    yield from examine_policy(settings.policy.folder, read_sound_definitions(settings.layers.folder))
    with ExitStack() as started:
        url = settings.database.url
        if url is None and find_place(settings.home) is None:
            return  # a check must not create the database
        try:
            url = url or started.enter_context(borrowed_cluster(settings.home))
            yield from asyncio.run(_all(url))
        except OneMapError as error:
            yield Finding(FindingState.WRONG, "数据库 database", error.message, "mend that, then ask again")


async def _all(url: str) -> list[Finding]:
    return [finding async for finding in examine_database(url)]
