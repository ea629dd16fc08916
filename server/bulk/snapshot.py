"""A snapshot of the catalogue: a ZIP of one GeoParquet file a layer, all of one moment, and what is known of them.

It is written from beginning to end as it is read; nothing waits on disk. The manifest is the last file, because it has
the hash of every other.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from layers.columns.session import ColumnSession
from layers.columns.shape import ColumnShape
from layers.coordinates.crs import Crs
from layers.definition import LayerDefinition
from server.bulk.about import about_layer, now
from server.formats.columnar import Chunks, ColumnHead
from server.formats.geoparquet import GEOPARQUET

MANIFEST = "manifest.json"
_READ_ME = """OneMap 全区一张图：目录快照 a snapshot of the catalogue

每个图层一个 GeoParquet 文件；manifest.json 列出各图层的标题、字段、来源、署名、开放属性、行数与 SHA-256。
One GeoParquet file a layer. manifest.json has the title, fields, source, attribution, openness, number of rows and
SHA-256 of each, and as `crs` the system of all places. Use each layer under its openness and with its attribution.
内容限于下载者可见的数据。 It holds what the one who took it may see, all of one moment.
"""


@dataclass(frozen=True, slots=True)
class SnapshotLayer:
    """A layer in a snapshot: its statement, with its columns, and how many rows it has."""

    definition: LayerDefinition
    shape: ColumnShape
    statement: str
    rows: int


def snapshot_parts(
    session: ColumnSession, layers: Sequence[SnapshotLayer], crs: Crs, watermark: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield the ZIP, part by part; places are in a system that may be a shifted datum, which the manifest names."""
    sink, told = Chunks(), []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("README.txt", _READ_ME)
        for layer in layers:
            name, digest, size = f"{layer.definition.id}.parquet", sha256(), 0
            with archive.open(name, "w", force_zip64=True) as entry:
                for part in _file(session, layer, crs, watermark):
                    entry.write(part)
                    digest.update(part)
                    size += len(part)
                    yield sink.take()
            told.append(_described(layer, crs, name, digest.hexdigest(), size))
        head = {"read_at": now(), "crs": crs.datum or crs.short, "format": "GeoParquet 1.1"}
        manifest: dict[str, Any] = {**head, "layers": told}
        manifest |= {"watermark": dict(watermark)} if watermark else {}
        archive.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    yield sink.take()


def _file(session: ColumnSession, layer: SnapshotLayer, crs: Crs, watermark: Mapping[str, str]) -> Iterator[bytes]:
    about = about_layer(layer.definition, crs)
    head = ColumnHead(layer.definition.id, layer.shape, Path(), layer.rows, about, watermark)
    return GEOPARQUET.write(head, session.batches(layer.statement, layer.shape.schema))


def _described(layer: SnapshotLayer, crs: Crs, name: str, digest: str, size: int) -> dict[str, Any]:
    fields = [{"name": one.name, "type": str(one.type), **one.facts} for one in layer.shape.columns]
    about = {key: text for key, text in about_layer(layer.definition, crs).items() if key != "read_at"}
    known = {"geometry_type": layer.shape.geometry_type, "rows": layer.rows, "bytes": size, "sha256": digest}
    return {"id": layer.definition.id, "file": name, **about, **known, "fields": fields}
