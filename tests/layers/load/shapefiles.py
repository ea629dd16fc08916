"""Shapefiles written byte by byte, as programs that ignore encodings write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

PLACE = (113.35, 23.13)


def write_shapefile(
    path: Path,
    fields: Sequence[tuple[bytes, int]],
    rows: Sequence[Sequence[bytes]],
    *,
    cpg: str | None = None,
    language: int = 0,
    prj: str | None = None,
    shapes: int | None = None,
) -> Path:
    """Write points with texts; a name is cut at ten bytes, a text at its field's width."""
    count = len(rows) if shapes is None else shapes
    record = struct.pack("<idd", 1, *PLACE)
    body = b"".join(struct.pack(">ii", n + 1, len(record) // 2) + record for n in range(count))
    index = b"".join(struct.pack(">ii", 50 + n * (8 + len(record)) // 2, len(record) // 2) for n in range(count))
    path.write_bytes(_head(body) + body)
    path.with_suffix(".shx").write_bytes(_head(index) + index)
    path.with_suffix(".dbf").write_bytes(dbf(fields, rows, language))
    for suffix, text in ((".cpg", cpg), (".prj", prj)):
        if text is not None:
            path.with_suffix(suffix).write_text(text)
    return path


def _head(body: bytes) -> bytes:
    box = struct.pack("<4d", *PLACE, *PLACE) + bytes(32)
    return struct.pack(">i5ii", 9994, 0, 0, 0, 0, 0, 50 + len(body) // 2) + struct.pack("<ii", 1000, 1) + box


def dbf(fields: Sequence[tuple[bytes, int]], rows: Sequence[Sequence[bytes]], language: int = 0) -> bytes:
    """Write a table of texts."""
    width = 1 + sum(size for _, size in fields)
    head = struct.pack("<BBBBIHH", 3, 126, 6, 8, len(rows), 33 + 32 * len(fields), width)
    head += bytes(17) + bytes([language]) + bytes(2)
    described = b"".join(
        name[:10].ljust(11, b"\0") + b"C" + bytes(4) + bytes([size]) + bytes(15) for name, size in fields
    )
    cells = (
        b" " + b"".join(cell[:size].ljust(size) for cell, (_, size) in zip(row, fields, strict=True)) for row in rows
    )
    return head + described + b"\r" + b"".join(cells) + b"\x1a"
