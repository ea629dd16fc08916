"""Representations of features as columns: each one turns batches of Arrow into bytes, part by part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from layers.columns.shape import ColumnShape
from layers.errors import BadInput, TooMuch
from server.formats.media import Media


@dataclass(frozen=True, slots=True)
class ColumnHead:
    """What a file of columns says of itself.

    Attributes
    ----------
    name
        Of the table: the layer's id.
    about
        Facts about the answer: titles, source, attribution, when it was read.
    rows
        How many rows there will be.
    watermark
        Who took so much; empty when it needs none.
    workspace
        A folder for files that cannot be written from beginning to end.
    """

    name: str
    shape: ColumnShape
    workspace: Path
    rows: int = 0
    about: Mapping[str, str] = field(default_factory=dict)
    watermark: Mapping[str, str] = field(default_factory=dict)


class Chunks:
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0
        self.closed = False

    def write(self, part: bytes | memoryview | pa.Buffer) -> int:
        """Keep a part."""
        kept = bytes(part)
        self._parts.append(kept)
        self._at += len(kept)
        return len(kept)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._parts = b"".join(self._parts), []
        return taken

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self._at

    def flush(self) -> None:
        """Do nothing: parts are taken."""

    def close(self) -> None:
        """Mark the end."""
        self.closed = True

    def readable(self) -> bool:
        """Whether it can be read."""
        return False

    def writable(self) -> bool:
        """Whether it can be written."""
        return True

    def seekable(self) -> bool:
        """Whether a place in it can be written again."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFormat(Media, ABC):
    """Features as columns that Python writes; a whole layer as well as a page of it.

    Attributes
    ----------
    ending
        The ending of a file's name.
    rows_max
        Rows at most; None is any number.
    compresses
        Whether a page of it is worth compressing on the way.
    """

    ending: str = ""
    rows_max: int | None = None
    compresses: bool = False
    single: bool = False
    export: bool = True

    def check(self, layer: str, shape: ColumnShape, rows: int) -> None:
        """Check that an answer can be had in this format.

        Raises
        ------
        BadInput
            When it has no geometries and needs some.
        TooMuch
            When it has more rows than the format holds.
        """
        if self.needs_geometry and shape.geometry is None:
            raise BadInput(
                f"'{layer}' has no geometries in this answer, and {self.title} needs them; take csv or parquet",
                parameter="f",
            )
        if self.rows_max is not None and rows > self.rows_max:
            raise TooMuch(
                f"{self.title} holds {self.rows_max:,} rows and this answer has {rows:,}; ask for a part by limit or "
                "filter, or take csv or parquet",
                parameter="f",
            )

    @abstractmethod
    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield the file, part by part, holding only a part of the rows.

        Parameters
        ----------
        batches
            The rows, with the columns of ``head.shape.schema``.
        """
