"""A person in files that were put away: a file that has one of the values goes as a whole, since it was taken."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from twin.connectors.drop_retention import put_away
from twin.store.erasure.terms import PersonTerms

_ID_LENGTH_MIN = 4  # in a table an identifier has no quotes around it, and W1 is a part of many words
_CHUNK = 8 * 1024 * 1024
_MEMBER_BYTES_MAX = 512 * 1024 * 1024


def files_with(home: Path, terms: PersonTerms) -> list[Path]:
    """Return the put-away files of all feeds that have one of the values, also within a workbook."""
    values = [*terms.raw, *(one.encode() for one in terms.ids if len(one) >= _ID_LENGTH_MIN)]
    return [path for path in put_away(home) if any(_has(pieces, values) for pieces in _contents(path))]


def _contents(path: Path) -> Iterator[Iterator[bytes]]:
    with path.open("rb") as file:
        yield iter(lambda: file.read(_CHUNK), b"")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size <= _MEMBER_BYTES_MAX:
                    with archive.open(member) as inside:
                        yield iter(lambda inside=inside: inside.read(_CHUNK), b"")  # type: ignore[misc]


def _has(pieces: Iterator[bytes], values: list[bytes]) -> bool:
    longest, before = max(map(len, values), default=0), b""
    for piece in pieces:
        text = before + piece
        if any(value in text for value in values):
            return True
        before = text[-longest:]
    return False
