"""The header of a table: the row that names its columns. Titles above it are skipped, two rows of names are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from layers.errors import BadFile

HEAD_ROWS = 20  # filled rows, among which the header must be
COLUMNS_MAX = 1000

type HeaderCells = Sequence[Any]  # of a row; None and "" are empty


@dataclass(frozen=True, slots=True)
class Header:
    """The row that names the columns.

    Attributes
    ----------
    columns
        Their names, each once; `column_3` where a cell is empty.
    first, last
        Its place among the rows that are not empty, from 0; two rows where groups of columns have a name above.
    """

    columns: list[str]
    first: int
    last: int

    @property
    def note(self) -> str | None:
        """A note on the rows above it; None without any."""
        above = f"{self.first} row(s) above the names of the columns are passed over" if self.first else None
        joined = "the names of the columns stand in two rows" if self.last > self.first else None
        return "; ".join(filter(None, (above, joined))) or None


def find_header(name: str, rows: Sequence[HeaderCells]) -> Header:
    """Return the row that names the columns.

    Parameters
    ----------
    name
        Name of the file, for messages.
    rows
        The first rows that are not empty, at most `HEAD_ROWS`.

    Raises
    ------
    BadFile
        When there is none, or it names a column twice or too many.
    """
    if not rows:
        raise BadFile(f"'{name}' has no row that names its columns", parameter=name)
    first = _below_titles(rows)
    last = first + 1 if _continues(rows, first) else first
    joined = [
        below or above
        for above, below in (
            (_written(_cell(rows[first], i)), _written(_cell(rows[last], i)))
            for i in range(max(len(rows[first]), len(rows[last])))
        )
    ]
    while joined and not joined[-1]:
        joined.pop()
    columns = [written or f"column_{i}" for i, written in enumerate(joined, 1)]
    _check(name, columns)
    return Header(columns, first, last)


def _check(name: str, columns: list[str]) -> None:
    if len(columns) > COLUMNS_MAX:
        raise BadFile(f"'{name}' has {len(columns)} columns; at most {COLUMNS_MAX}", parameter=name)
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise BadFile(
            f"'{name}' names columns twice: {', '.join(twice[:10])}; one row above the data must name each once, "
            "without titles above it",
            parameter=name,
        )


def _below_titles(rows: Sequence[HeaderCells]) -> int:
    """Return the number of titles: rows that fill at most half of the cells of the first row of names below them."""
    for place, row in enumerate(rows[:-1]):
        if not _names(row) or len(_filled_places(row)) < 2:
            continue
        widest = max((len(_filled_places(above)) for above in rows[:place]), default=0)
        return place if 2 * widest <= len(_filled_places(row)) else 0
    return 0


def _continues(rows: Sequence[HeaderCells], first: int) -> bool:
    """Whether the next row names columns too: it fills gaps of the first, and has gaps itself or numbers below it."""
    if first + 2 >= len(rows) or not _names(rows[first + 1]):
        return False
    above, below = set(_filled_places(rows[first])), set(_filled_places(rows[first + 1]))
    if not below - above:
        return False
    rest = rows[first + 2 :]
    numbers = {place: sum(_is_number(_cell(row, place)) for row in rest) for place in below}
    has_gaps = bool(above - below)
    return any(2 * count > len(rest) or (has_gaps and count > 0) for count in numbers.values())


def _filled_places(row: HeaderCells) -> list[int]:
    return [place for place, cell in enumerate(row) if _written(cell)]


def _names(row: HeaderCells) -> bool:
    """Whether all cells of a row could be names: texts that differ, and no numbers."""
    cells = [_cell(row, place) for place in _filled_places(row)]
    return all(isinstance(c, str) and not _is_number(c) for c in cells) and len(set(cells)) == len(cells)


def _cell(row: HeaderCells, place: int) -> Any:
    return row[place] if place < len(row) else None


def _written(cell: Any) -> str:
    """Return a name in one line, also from a cell with line breaks."""
    return "" if cell is None else " ".join(str(cell).split())


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
