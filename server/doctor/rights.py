"""The matrix of rights of an installation, for the auditor's file; and checks of its policy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson
from rich.box import SIMPLE_HEAD
from rich.table import Table

from layers.definition import LayerDefinition
from layers.errors import BadInput
from layers.policy.policy import Policy
from layers.policy.read import read_policy
from layers.review.check import check_policy
from layers.review.matrix import COLUMNS, rights_matrix
from layers.spreadsheet import guarded
from server.doctor.machine import Finding, FindingState, well

type MatrixForm = Literal["table", "csv", "json"]
_TITLES = {
    "role": "角色 role", "department": "部门 department", "purpose": "用途 purpose", "layer": "图层 layer",
    "rule": "规则 rule", "operations": "操作 operations", "rows": "行 rows", "geometry": "位置 place",
    "full": "● 全部 full", "masked": "◐ 部分 masked", "absent": "○ 无 absent",
}  # fmt: skip


def examine_policy(folder: Path, definitions: Mapping[str, LayerDefinition]) -> Iterator[Finding]:
    """Check the policy of a folder against the layers."""
    subject, remedy = "权限策略 policy", "mend the file; ./onemap policy check says whether it is right"
    try:
        policy = read_policy(folder)
    except BadInput as error:
        yield Finding(FindingState.WRONG, subject, error.message, remedy)
        return
    findings = check_policy(policy, definitions)
    for finding in findings:
        if finding.kind.is_error:
            yield Finding(FindingState.WRONG, subject, str(finding), remedy)
    if not any(finding.kind.is_error for finding in findings):
        yield well(subject, f"{len(policy.roles)} roles, {len(policy.rules)} rules, {len(findings)} warnings")


def write_matrix(policy: Policy, definitions: Mapping[str, LayerDefinition], form: MatrixForm) -> str | Table:
    """Return the matrix of rights as CSV, JSON, or a table for the terminal."""
    rows = [row.cells() for row in rights_matrix(policy, definitions)]
    match form:
        case "json":
            document = {"policy": policy.digest, "at": datetime.now(UTC), "rights": rows}
            return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
        case "csv":
            return _csv(rows)
        case "table":
            return _table(rows)


def _csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writerow(_TITLES)
    writer.writerows({name: guarded(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()


def _table(rows: list[dict[str, str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, title="权限矩阵 matrix of rights", title_justify="left")
    for name in COLUMNS:
        table.add_column(_TITLES[name], overflow="fold")
    for row in rows:
        table.add_row(*(_short(name, row[name]) for name in COLUMNS))
    return table


def _short(name: str, cell: str) -> str:
    """Return long lists of fields by their number: CSV and JSON have the names."""
    names = cell.split()
    return f"{len(names)} 个 fields" if name in {"full", "absent"} and len(names) > 6 else cell
