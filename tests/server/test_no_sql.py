"""The server writes no SQL: statements belong to the packages below, which own the tables."""

from __future__ import annotations

import re
from pathlib import Path

SERVER = Path(__file__).resolve().parents[2] / "server"
STATEMENT = re.compile(r"\b(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s)")
DIAGNOSES = {SERVER / "doctor" / "database.py"}  # the doctor examines the database itself, also one that is broken


def test_only_the_doctor_writes_sql():
    writing = {path for path in SERVER.rglob("*.py") if STATEMENT.search(path.read_text(encoding="utf-8"))}
    assert writing == DIAGNOSES
