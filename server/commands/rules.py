"""``onemap rules``: lists the rules, and checks a file of a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from twin.rules.definition import read_rule
from twin.rules.registry import read_rules

_WIDE = 160


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "rules",
        "规则：阈值、时限与升级、聚集、围栏。 Rules: thresholds, limits, clusters, fences.",
        {"list": list_rules, "check": check_rule},
    )


def list_rules(home: HomeOption = None, config: ConfigOption = None) -> None:
    """规则一览。 List the rules of the folder, and what is wrong with its files."""
    found = read_rules(settings_of(home, config).rules.folder)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # a file or a pipe has no width
    table = Table("规则 rule", "类别 kind", "标题 title", "启用 enabled", box=SIMPLE_HEAD)
    for name, rule in sorted(found.by_name.items()):
        enabled = "是 yes" if getattr(rule, "enabled", True) else "否 no"
        table.add_row(name, rule.kind, f"{rule.title_zh} {rule.title_en}", enabled)
    console.print(table)
    for file, fault in found.faults.items():
        console.print(f"✗ {file}: {fault}", style="red", markup=False, highlight=False)
    if found.faults:
        raise typer.Exit(1)


def check_rule(file: Annotated[Path, typer.Argument(help="规则文件。 The file of a rule.")]) -> None:
    """检查一个规则文件。 Say whether a file is a rule, and what is wrong with it."""
    rule = read_rule(file)
    Console().print(f"✓ {rule.name}（{rule.kind}）{rule.title_zh} {rule.title_en}", markup=False, highlight=False)
