"""SQL clauses that carry their bound values, and the one function that quotes a name.

Values never enter the text: a `Clause` holds text in which `?N` marks its N-th value (from 0), and `render`
numbers the marks of the whole statement as `$1, $2, …` for PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_MARK = re.compile(r"\?(\d+)")
_TYPED_MARK = re.compile(r"\?(\d+)(::[a-z][a-z ]*(?:\[\])?)?")
_COLUMN = re.compile(r'\bf\."?([A-Za-z_][A-Za-z0-9_]*)')


def quote_identifier(name: str) -> str:
    """Quote a table or column name for PostgreSQL.

    Raises
    ------
    ValueError
        When the name is empty or holds a NUL, which PostgreSQL cannot represent.

    Examples
    --------
    >>> quote_identifier('a"b')
    '"a""b"'
    """
    if not name or "\0" in name:
        raise ValueError(f"not a name PostgreSQL can hold: {name!r}")
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote a constant of the code (never a caller's value, which is bound) as an SQL string.

    Examples
    --------
    >>> quote_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class AskedValue:
    """Stands in a statement that is kept for a value of the request, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Clause:
    """SQL text and the values of its marks.

    Attributes
    ----------
    text
        SQL in which `?0`, `?1`, … stand for `values[0]`, `values[1]`, …; a mark may occur more than once.
        A literal question mark before a digit cannot be written.
    values
        The bound values, in the order of the marks' numbers.
    reads_geometry
        Whether it tests the geometry of a feature, so that an index on places finds the rows
        (`layers.read.relation`). A clause composed of such a clause does too.
    """

    text: str
    values: tuple[object, ...] = ()
    reads_geometry: bool = field(default=False, repr=False, compare=False)

    def render(self) -> tuple[str, tuple[object, ...]]:
        """Return the statement for PostgreSQL: text with `$1…`, and the values in that order."""
        return _MARK.sub(lambda m: f"${int(m[1]) + 1}", self.text), self.values

    def render_shared(self) -> tuple[str, tuple[object, ...]]:
        """Return the same with equal values of one type bound once: for statements that are kept, as it takes longer.

        Rights name the same grades and areas in every column, and each bound value is sent and read again every time.
        """
        places: dict[object, int] = {}
        values: list[object] = []

        def shared(mark: re.Match[str]) -> str:
            number, cast = int(mark[1]), mark[2] or ""
            value = self.values[number]
            key: object = (type(value), value, cast) if cast and isinstance(value, int | str | AskedValue) else number
            place = places.setdefault(key, len(values))
            if place == len(values):
                values.append(value)
            return f"${place + 1}{cast}"

        return _TYPED_MARK.sub(shared, self.text), tuple(values)

    def written(self, literals: Sequence[str]) -> str:
        """Return the statement with literals in the place of the values, which PostgreSQL itself must have written."""
        return _MARK.sub(lambda mark: literals[int(mark[1])], self.text)

    def __bool__(self) -> bool:
        return bool(self.text)


EMPTY = Clause("")
GEOMETRY = Clause("f.geom", reads_geometry=True)
"""The geometry of a feature over alias `f`."""


def bind(value: object, cast: str) -> Clause:
    """Return one bound value with its PostgreSQL type, for example ``bind("x", "text")``.

    The cast comes from the code, never from a caller; without it PostgreSQL would have to guess the type.
    """
    return Clause(f"?0::{cast}", (value,))


def compose(template: str, *parts: Clause) -> Clause:
    """Put clauses into the `{}` places of a template, renumbering their marks.

    Raises
    ------
    IndexError
        When there are fewer clauses than places.

    Examples
    --------
    >>> compose("{} AND {}", Clause("a = ?0", (1,)), Clause("b = ?0", (2,)))
    Clause(text='a = ?0 AND b = ?1', values=(1, 2))
    """
    values: list[object] = []
    texts = []
    for part in parts:
        texts.append(_shift(part.text, len(values)))
        values.extend(part.values)
    return Clause(template.format(*texts), tuple(values), any(part.reads_geometry for part in parts))


def _shift(text: str, by: int) -> str:
    return _MARK.sub(lambda mark: f"?{int(mark[1]) + by}", text) if by else text


def join(separator: str, parts: Iterable[Clause]) -> Clause:
    """Join the clauses that are not empty; return an empty clause when none is left."""
    kept: Sequence[Clause] = [p for p in parts if p]
    return compose(separator.join("{}" for _ in kept), *kept)


def all_of(parts: Iterable[Clause]) -> Clause:
    """Return the `AND` of the clauses that are not empty, each in parentheses; `TRUE` when none is left."""
    kept = [p for p in parts if p]
    return compose(" AND ".join("({})" for _ in kept), *kept) if kept else Clause("TRUE")


def columns_in(*texts: str) -> frozenset[str]:
    """Return the names of the columns over alias `f` that pieces of SQL read.

    Examples
    --------
    >>> sorted(columns_in('f."name" = ?0 AND f.id > ?1'))
    ['id', 'name']
    """
    return frozenset(name for text in texts for name in _COLUMN.findall(text))
