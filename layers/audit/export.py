"""Export for an auditor: lines of JSON that can be verified without the database, or CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from layers.audit.canonical import timestamp
from layers.audit.chain import StoredRecord
from layers.audit.verify import ChainWalk
from layers.errors import BadFile
from layers.spreadsheet import cell

_CHAINED = ("chain", "seq", "stored_at", "alg", "prev_hash", "hash")
_FIELDS = (
    "audit_id", "at", "subject_id", "subject_name_masked", "role", "org", "area_scope", "client_ip", "device",
    "session_id", "auth_method", "request_id", "action", "object", "filter_summary", "purpose", "max_grade_touched",
    "fields_grade3", "row_count", "requests", "decision", "rule_id", "result_code", "duration_ms", "detail",
)  # fmt: skip


def as_json_line(row: StoredRecord) -> bytes:
    """Return a record as a line of JSON; `record` is its canonical text, byte for byte."""
    head = orjson.dumps(_chained(row))
    return b'%b,"record":%b}\n' % (head[:-1], row.body.encode())


def _chained(row: StoredRecord) -> dict[str, Any]:
    values = row.chain, row.seq, timestamp(row.stored_at), row.alg, row.prev_hash.hex(), row.hash.hex()
    return dict(zip(_CHAINED, values, strict=True))


def csv_head() -> bytes:
    """Return the first line of a CSV, with the mark that spreadsheets know UTF-8 by."""
    return b"\xef\xbb\xbf" + ",".join((*_CHAINED, *_FIELDS)).encode() + b"\r\n"


def as_csv_line(row: StoredRecord) -> bytes:
    """Return a record as a line of CSV whose cells no spreadsheet runs as formulas."""
    record = orjson.loads(row.body)
    line = io.StringIO()
    values = [*_chained(row).values(), *(_text(record.get(name)) for name in _FIELDS)]
    csv.writer(line).writerow([cell(value) for value in values])
    return line.getvalue().encode()


def _text(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value


def read_export(file: Path) -> Iterator[StoredRecord]:
    """Yield the records of an export of lines of JSON.

    Raises
    ------
    BadFile
        When the file cannot be read, or a line is no record; the message says which.
    """
    try:
        with file.open("rb") as opened:
            for number, line in enumerate(opened, 1):
                yield _record(line, f"{file}, line {number}")
    except OSError as error:
        raise BadFile(f"cannot read {file}: {error.strerror}", parameter="file") from error


def _record(line: bytes, place: str) -> StoredRecord:
    try:
        fields = orjson.loads(line)
        text = orjson.dumps(fields["record"], option=orjson.OPT_SORT_KEYS).decode()
        at, hashes = datetime.fromisoformat(fields["stored_at"]), (fields["prev_hash"], fields["hash"])
        prev_hash, own = map(bytes.fromhex, hashes)
        return StoredRecord(str(fields["chain"]), int(fields["seq"]), at, str(fields["alg"]), text, prev_hash, own)
    except (ValueError, KeyError, TypeError) as error:
        raise BadFile(f"{place} is no record of an export") from error


def verify_export(file: Path) -> list[ChainWalk]:
    """Check the links of an export, chain by chain; it may begin and end anywhere.

    Raises
    ------
    BadFile
        As `read_export`.
    """
    walks: dict[str, ChainWalk] = {}
    for row in read_export(file):
        walks.setdefault(row.chain, ChainWalk(row.chain)).take(row)
    return list(walks.values())
