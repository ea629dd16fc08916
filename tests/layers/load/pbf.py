"""A writer of tiny OSM PBF files, which no installed library writes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        if not value:
            return bytes([*out, low])
        out.append(low | 0x80)


def zigzag(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def deltas(values: Sequence[int]) -> bytes:
    return b"".join(zigzag(b - a) for a, b in zip([0, *values], values, strict=False))


def blob(kind: bytes, content: bytes) -> bytes:
    packed = integer(2, len(content)) + field(3, zlib.compress(content))
    header = field(1, kind) + integer(3, len(packed))
    return len(header).to_bytes(4, "big") + header + packed


def write_pbf(
    path: Path, nodes: Mapping[int, tuple[float, float]], ways: Mapping[int, tuple[Sequence[int], Mapping[str, str]]]
) -> None:
    strings = ["", *sorted({s for _, tags in ways.values() for pair in tags.items() for s in pair})]
    table = b"".join(field(1, s.encode()) for s in strings)
    ids = sorted(nodes)
    dense = field(1, deltas(ids))
    dense += field(8, deltas([round(nodes[i][1] * 1e7) for i in ids]))
    dense += field(9, deltas([round(nodes[i][0] * 1e7) for i in ids]))
    made = b""
    for number, (refs, tags) in ways.items():
        keys = b"".join(varint(strings.index(k)) for k in tags)
        values = b"".join(varint(strings.index(v)) for v in tags.values())
        made += field(3, integer(1, number) + field(2, keys) + field(3, values) + field(8, deltas(refs)))
    block = field(1, table) + field(2, field(2, dense)) + field(2, made)
    header = field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes")
    path.write_bytes(blob(b"OSMHeader", header) + blob(b"OSMData", block))
