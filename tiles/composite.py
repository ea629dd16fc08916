"""Composite tiles of several layers: concatenated tiles are one tile if no two MVT layers share a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_LAYER, _NAME = 0x1A, 0x0A  # keys of protobuf: field 3 of a tile, field 1 of a layer, both with a length


def composite(tiles: Mapping[str, bytes]) -> bytes:
    """Return a composite of tiles.

    Parameters
    ----------
    tiles
        Uncompressed tiles by the id of their layer. An MVT layer of another name, such as ``labels``, becomes
        ``{id}_labels`` in the composite.
    """
    return b"".join(_rename(layer_id.encode(), tile) for layer_id, tile in tiles.items())


def _rename(layer_id: bytes, tile: bytes) -> bytes:
    parts = []
    for layer in _layers(tile):
        name, rest = _name_of(layer)
        if name != layer_id:
            name = layer_id + b"_" + name
        body = bytes([_NAME]) + _varint(len(name)) + name + rest
        parts.append(bytes([_LAYER]) + _varint(len(body)) + body)
    return b"".join(parts)


def _layers(tile: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(tile):
        length, begins = _read_varint(tile, at + 1)
        yield tile[begins : begins + length]
        at = begins + length


def _name_of(layer: bytes) -> tuple[bytes, bytes]:
    """Return the name, which PostGIS writes first or after the version, and the rest of the layer."""
    at = 0 if layer[0] == _NAME else 2
    length, begins = _read_varint(layer, at + 1)
    return layer[begins : begins + length], layer[:at] + layer[begins + length :]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return number | data[at] << shift, at + 1
