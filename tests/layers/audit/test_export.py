"""Exports: lines that verify without the database, and cells that a spreadsheet does not run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from layers.audit.canonical import canonical
from layers.audit.export import as_csv_line, as_json_line, csv_head, verify_export
from layers.audit.record import AuditAction, AuditOrigin, AuditRecord, AuditSubject
from layers.errors import BadFile
from tests.layers.audit.test_verify import chain_of

FORMULA = "=cmd|'/c calc'!A1"


def bodies(count: int) -> list[str]:
    subject = AuditSubject(FORMULA, name="张三", roles=("@SUM(1)", "leader"))
    origin = AuditOrigin("127.0.0.1", FORMULA)
    return [
        canonical(AuditRecord(action=AuditAction.READ, object=f"网格/{n}", subject=subject, origin=origin))
        for n in range(count)
    ]


def test_an_export_is_verified_without_the_database(tmp_path: Path):
    file = tmp_path / "audit.ndjson"
    rows = chain_of(bodies(6))
    file.write_bytes(b"".join(map(as_json_line, rows[2:])))
    (walk,) = verify_export(file)
    assert (walk.fault, walk.first, walk.last) == (None, 3, 6)
    changed = replace(rows[3], body=rows[3].body.replace("网格/3", "网格/4"))
    file.write_bytes(b"".join(map(as_json_line, [rows[2], changed, *rows[4:]])))
    fault = verify_export(file)[0].fault
    assert fault is not None
    assert fault.seq == 4


@pytest.mark.parametrize("text", ["{}\n", "no json\n", '{"chain":"general","record":{},"seq":"x"}\n'])
def test_what_is_no_export_is_refused(tmp_path: Path, text: str):
    file = tmp_path / "audit.ndjson"
    file.write_text(text)
    with pytest.raises(BadFile, match="line 1"):
        verify_export(file)
    with pytest.raises(BadFile, match="cannot read"):
        verify_export(tmp_path / "none")


def test_no_cell_is_a_formula():
    rows = chain_of(bodies(2))
    text = (csv_head() + b"".join(map(as_csv_line, rows))).decode("utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["object"] for row in found] == ["网格/0", "网格/1"]
    assert found[0]["subject_id"] == f"'{FORMULA}"
    assert not any((value or "").startswith(("=", "@", "+", "-")) for row in found for value in row.values())
