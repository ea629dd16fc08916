"""``onemap policy``: checks the policy, and says what a role sees of a layer or a feature, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Annotated

import asyncpg
import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from layers.actor import Actor
from layers.catalog import Catalog, Layer, read_catalog
from layers.cluster.place import find_place
from layers.database.connection import Role, connect, connected
from layers.definition import LayerDefinition, read_definitions
from layers.errors import BadInput, NotFound
from layers.policy.policy import Policy
from layers.policy.read import read_policy
from layers.review.check import check_policy
from layers.review.explain import CaseReview, explain_layer
from layers.review.feature import FeatureReview, explain_feature
from layers.review.finding import PolicyFinding
from layers.review.holders import holder_of
from server.command_options import ConfigOption, HomeOption, add_group, settings_of
from server.database import open_current
from server.settings import Settings

_WIDE = 200
_SHOWN = {"full": "● 全部 full", "absent": "○ 无 absent"}
_LayersOption = Annotated[
    list[str] | None,
    typer.Option("--layer", help="图层，可重复；缺省为全部。 Layer; all if not given.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    add_group(
        app,
        "policy",
        "权限策略：检查，解释某角色所见。 The policy: check it, explain what a role sees.",
        {"check": check, "explain": explain},
    )


def check(home: HomeOption = None, config: ConfigOption = None) -> None:
    """检查权限策略：错误（策略不会生效）和提醒。 Check the policy: errors, for which it is refused, and warnings.

    有数据库时按其中的图层检查，否则按图层定义文件检查。
    With a database its layers count, without one the files of the layers' definitions.
    退出码 exit code: 0 可用 it can be in force, 1 有错误 it is refused.
    """
    settings = settings_of(home, config)
    policy = read_policy(settings.policy.folder)
    definitions, lowest = known_layers(settings)
    findings = check_policy(policy, definitions, lowest)
    console = _console()
    if findings:
        console.print(_table(findings))
    errors = sum(finding.kind.is_error for finding in findings)
    console.print(
        f"{'✗' if errors else '✓'} {len(policy.roles)} 个角色 roles, {len(policy.rules)} 条规则 rules,"
        f" {len(definitions)} 个图层 layers: {errors} 个错误 errors, {len(findings) - errors} 个提醒 warnings"
        f" · {policy.digest}",
        markup=False,
    )
    if errors:
        raise typer.Exit(1)


def explain(  # noqa: PLR0917  # typer reads each option from its own parameter
    role: Annotated[str, typer.Option(help="角色。 The role.")],
    layer: _LayersOption = None,
    feature: Annotated[
        str | None, typer.Option("--id", help="要素；与一个图层同用。 A feature, with one layer.", show_default=False)
    ] = None,
    areas: Annotated[
        list[str] | None, typer.Option(help="辖区代码前缀，可重复。 Prefix of area codes.", show_default=False)
    ] = None,
    department: Annotated[list[str] | None, typer.Option(help="部门，可重复。 Department.", show_default=False)] = None,
    purpose: Annotated[str | None, typer.Option(help="用途。 Stated purpose.", show_default=False)] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="属性，如 worker_id=W0012。 Attribute.", show_default=False)
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """某角色对图层或某要素看到什么、依据哪条规则。 What a role sees of layers or of one feature, and by which rule.

    例 for example:  ./onemap policy explain --role street_dispatcher --areas 440106011 --layer events
                     ./onemap policy explain --role grid_worker --areas 440106011001001 --attribute worker_id=W0012
                        --layer grid_workers --id W0012
    """
    settings = settings_of(home, config)
    policy = read_policy(settings.policy.folder)
    if role not in policy.roles:
        raise BadInput(f"there is no role '{role[:60]}'; roles are {', '.join(policy.roles)}", parameter="role")
    actor = holder_of(
        policy, role, areas=areas or (), departments=department or (), purpose=purpose, attributes=_pairs(attribute)
    )
    _warn(actor, policy, role)
    if feature is not None:
        if layer is None or len(layer) != 1:
            raise BadInput("--id is the feature of one layer: name it by --layer", parameter="layer")
        _print_feature(layer[0], feature, _of_feature(settings, actor, layer[0], feature))
        return
    definitions, _ = known_layers(settings)
    unknown = sorted(set(layer or ()) - definitions.keys())
    if unknown:
        raise NotFound(f"no layer {', '.join(unknown)}; layers are {', '.join(definitions)}", parameter="layer")
    for name in layer or sorted(definitions):
        _print_layer(definitions[name], explain_layer(definitions[name], actor))


def known_layers(settings: Settings) -> tuple[dict[str, LayerDefinition], dict[str, int]]:
    """Return the definitions of the layers, and the lowest grade of those that have rows: of the database if any.

    A check must not create a database: without one, the definitions are those of the files.
    """
    if settings.database.url is None and find_place(settings.home) is None:
        return read_definitions(own=settings.layers.folder), {}
    with open_current(settings) as url:
        catalog = asyncio.run(_catalog(url))
    grades = {layer.id: layer.lowest_grade for layer in catalog.values() if layer.row_count and layer.lowest_grade}
    return {layer.id: layer.definition for layer in catalog.values()}, grades


async def _catalog(url: str) -> Catalog:
    async with connected(url, Role.READ) as connection:
        return await read_catalog(connection)


def _of_feature(settings: Settings, actor: Actor, layer_id: str, feature_id: str) -> FeatureReview:
    async def read(url: str) -> FeatureReview:
        connection: asyncpg.Connection = await connect(url, Role.READ)
        try:
            layer: Layer | None = (await read_catalog(connection)).get(layer_id)
            if layer is None:
                raise NotFound(f"there is no layer '{layer_id[:60]}'", parameter="layer")
            return await explain_feature(connection, layer, actor, feature_id)
        finally:
            await connection.close()

    with ExitStack() as opened:
        return asyncio.run(read(opened.enter_context(open_current(settings))))


def _pairs(attributes: list[str] | None) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in attributes or ()]
    wrong = [name for name, equals, value in pairs if not (name and equals and value)]
    if wrong:
        raise BadInput(f"an attribute is name=value; got {', '.join(wrong)}", parameter="attribute")
    return [(name, value) for name, _, value in pairs]


def _warn(actor: Actor, policy: Policy, role: str) -> None:
    if policy.roles[role].bound and not actor.is_bound:
        _console().print(
            "! 此角色须有辖区（--areas），没有则只见公开数据 without --areas this role sees what is public",
            style="yellow",
            markup=False,
        )


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_WIDE, highlight=False)  # a file or a pipe has no width


def _table(findings: Iterable[PolicyFinding]) -> Table:
    table = Table("", "对象 about", "问题 finding", "详情 detail", box=SIMPLE_HEAD)
    for finding in findings:
        sign = "✗ 错误 error" if finding.kind.is_error else "! 提醒 warning"
        table.add_row(sign, finding.subject, f"{finding.kind.title_zh} {finding.kind.title_en}", finding.detail)
    return table


def _print_layer(definition: LayerDefinition, cases: tuple[CaseReview, ...]) -> None:
    console = _console()
    title = f"{definition.id} {definition.title_zh} {definition.title_en}"
    if not cases:
        console.print(f"{title}: – 不可见 not visible", markup=False)
        return
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for head in (
        "规则 rule",
        "操作 operations",
        "行 rows",
        "位置 place",
        "● 全部 full",
        "◐ 部分 masked",
        "○ 无 absent",
    ):
        table.add_column(head, overflow="fold")
    for case in cases:
        masked = "\n".join(f"{name}: {how}" for name, how in case.masked.items())
        table.add_row(
            case.rule, " ".join(case.operations) or "–", case.rows, case.geometry or "–",
            _several(case.full), masked, _several(case.absent),
        )  # fmt: skip
    console.print(table)


def _several(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "–"


def _print_feature(layer_id: str, feature_id: str, review: FeatureReview) -> None:
    console = _console()
    title = f"{layer_id}/{feature_id}"
    if not review.rules:
        console.print(f"{title}: – 不可见，答 404 not visible, answered by 404", markup=False)
        return
    console.print(f"{title}: 规则 rules {', '.join(review.rules)}", markup=False)
    table = Table("字段 field", "显示 shown", "值 value", "规则 rule", box=SIMPLE_HEAD)
    place = "" if review.place is None else orjson.dumps(review.place).decode()
    table.add_row("geometry", _how(review.geometry), place[:80], "")
    for field in review.fields:
        value = "" if field.value is None else orjson.dumps(field.value).decode()
        table.add_row(field.name, _how(field.showing), value[:80], ", ".join(field.rules))
    console.print(table)


def _how(showing: str) -> str:
    return _SHOWN.get(showing, f"◐ {showing}")
