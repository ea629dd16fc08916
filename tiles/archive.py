"""PMTiles (version 3): a tileset as one file, written for export and read as a base map."""

from __future__ import annotations

import gzip
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pmtiles.reader import Reader
from pmtiles.tile import (
    Compression,
    Entry,
    TileType,
    deserialize_directory,
    find_tile,
    zxy_to_tileid,
)
from pmtiles.writer import Writer

from layers.errors import BadInput
from layers.types import BBox

_DEPTH_MAX = 4  # of directories, by the specification
_MEDIA = {
    TileType.MVT: "application/vnd.mapbox-vector-tile",
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}


@dataclass(frozen=True, slots=True)
class Head:
    """The metadata of an archive.

    Attributes
    ----------
    watermark
        Who took it and when, as members; None for what is public.
    """

    name: str
    description: str
    attribution: str
    bounds_crs84: BBox
    zooms: range
    vector_layers: tuple[dict[str, Any], ...]
    watermark: Mapping[str, str] | None = None


@contextmanager
def writing(path: Path, head: Head) -> Iterator[Callable[[int, int, int, bytes], None]]:
    """Write vector tiles as an archive; the yielded function takes zoom, column, row and content, gzipped.

    Empty tiles are left out. The file appears under its name once it is complete.

    Raises
    ------
    BadInput
        At the end, when every tile was empty.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file, closing((writer := Writer(file)).tile_f):

            def add(zoom: int, x: int, y: int, content: bytes) -> None:
                if content:
                    writer.write_tile(zxy_to_tileid(zoom, x, y), content)

            yield add
            if not writer.addressed_tiles:
                raise BadInput("nothing lies in these tiles; an archive needs one that is not empty")
            writer.finalize(_header(head), _metadata(head))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _header(head: Head) -> dict[str, Any]:
    west, south, east, north = (round(side * 1e7) for side in head.bounds_crs84)
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_zoom": head.zooms[0],
        "center_lon_e7": (west + east) // 2,
        "center_lat_e7": (south + north) // 2,
    }


def _metadata(head: Head) -> dict[str, Any]:
    return {
        "name": head.name,
        "description": head.description,
        "attribution": head.attribution,
        "type": "overlay",
        "vector_layers": list(head.vector_layers),
        **({"onemap:watermark": dict(head.watermark)} if head.watermark else {}),
    }


class Archive:
    """An archive that is read tile by tile; several threads may read one.

    Raises
    ------
    BadInput
        When the file is not a PMTiles archive of version 3.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            reader = Reader(self._read)
            self._header: dict[str, Any] = reader.header()
            self.metadata: dict[str, Any] = reader.metadata()
        except Exception as error:  # the reader raises errors of many kinds, also its own
            raise BadInput(f"{path.name} is not a PMTiles archive: {error}", parameter=path.name) from error
        self._directory = lru_cache(maxsize=256)(self._read_directory)

    @property
    def media_type(self) -> str:
        """The media type of its tiles."""
        return _MEDIA.get(self._header["tile_type"], "application/octet-stream")

    @property
    def is_vector(self) -> bool:
        """Whether its tiles are MVT."""
        return bool(self._header["tile_type"] == TileType.MVT)

    @property
    def zooms(self) -> range:
        """The zooms of its tiles."""
        return range(self._header["min_zoom"], self._header["max_zoom"] + 1)

    @property
    def bounds_crs84(self) -> BBox:
        """West, south, east, north in degrees."""
        head = self._header
        west, south, east, north = (
            head[side] / 1e7 for side in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        )
        return west, south, east, north

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return a tile, decompressed from gzip; None when the archive has none at this address."""
        entry = self._entry(zxy_to_tileid(zoom, x, y))
        if entry is None:
            return None
        content = self._read(self._header["tile_data_offset"] + entry.offset, entry.length)
        return gzip.decompress(content) if self._header["tile_compression"] == Compression.GZIP else content

    def close(self) -> None:
        """Close the file."""
        self._bytes.close()

    def _entry(self, tile_id: int) -> Entry | None:
        offset, length = self._header["root_offset"], self._header["root_length"]
        for _ in range(_DEPTH_MAX):
            entry = find_tile(self._directory(offset, length), tile_id)
            if entry is None or entry.run_length > 0:
                return entry
            offset, length = self._header["leaf_directory_offset"] + entry.offset, entry.length
        return None

    def _read_directory(self, offset: int, length: int) -> list[Entry]:
        entries: list[Entry] = deserialize_directory(self._read(offset, length))
        return entries

    def _read(self, offset: int, length: int) -> bytes:
        return self._bytes[offset : offset + length]
