"""The text of `$filter` → a tree in the form of CQL2 JSON, which `twin/sensing/condition.py` compiles."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import shapely
from shapely.geometry import mapping

from layers.errors import BadFilter
from server.sensorthings.words import Word, words_of

_COMPARISONS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_SUMS = {"add": "+", "sub": "-"}
_PRODUCTS = {"mul": "*", "div": "/", "divby": "/", "mod": "%"}
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_DEPTH_MAX = 40
_SIGNS_MAX = 64
_VERTICES_MAX = 10_000
_SRID = re.compile(r"\s*SRID=(\d+);", re.IGNORECASE)
PARAMETER = "$filter"
_OPERATORS = "eq, ne, gt, ge, lt, le, and, or, not, add, sub, mul, div, mod"


def read_filter(text: str) -> Any:
    """Read a filter.

    Raises
    ------
    BadFilter
        When it cannot be read; the message names the place and what is expected there.
    """
    reader = FilterReader(words_of(text, PARAMETER))
    tree = reader.alternatives()
    reader.end()
    return tree


class FilterReader:
    """Reads an expression from words, from the operators that bind least to those that bind most."""

    def __init__(self, words: list[Word]) -> None:
        self._words, self._at, self._depth, self._signs = words, 0, 0, 0

    @property
    def _next(self) -> Word:
        return self._words[self._at]

    def _take(self, *texts: str) -> str | None:
        word = self._next
        if word.kind in {"name", "sign"} and word.text in texts:
            self._at += 1
            return word.text
        return None

    def _sign(self, *texts: str) -> str | None:
        """Take a sign of arithmetic, of which there are few: they nest."""
        found = self._take(*texts)
        self._signs += found is not None
        if self._signs > _SIGNS_MAX:
            raise BadFilter(f"{PARAMETER} has more than {_SIGNS_MAX} arithmetic operators", parameter=PARAMETER)
        return found

    def _fault(self, expected: str) -> BadFilter:
        word = self._next
        found = f"'{word.text[:40]}'" if word.text else "the end"
        return BadFilter(
            f"{PARAMETER} cannot be read at character {word.start + 1}, {found}: expected {expected}",
            parameter=PARAMETER,
        )

    def end(self) -> None:
        """Check that nothing is left.

        Raises
        ------
        BadFilter
            When something is.
        """
        if self._next.kind != "end":
            raise self._fault(f"one of {_OPERATORS}, or the end")

    def alternatives(self) -> Any:
        """Read terms joined by ``or``.

        Raises
        ------
        BadFilter
            When it is nested too deeply, or cannot be read.
        """
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise BadFilter(f"{PARAMETER} is nested deeper than {_DEPTH_MAX} levels", parameter=PARAMETER)
        terms = [self._all()]
        while self._take("or"):
            terms.append(self._all())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else {"op": "or", "args": terms}

    def _all(self) -> Any:
        terms = [self._negated()]
        while self._take("and"):
            terms.append(self._negated())
        return terms[0] if len(terms) == 1 else {"op": "and", "args": terms}

    def _negated(self) -> Any:
        times = 0
        while self._take("not"):
            times += 1
        tree = self._comparison()
        return {"op": "not", "args": [tree]} if times % 2 else tree

    def _comparison(self) -> Any:
        left = self._sum()
        op = self._take(*_COMPARISONS)
        return left if op is None else {"op": _COMPARISONS[op], "args": [left, self._sum()]}

    def _sum(self) -> Any:
        left = self._product()
        while op := self._sign(*_SUMS):
            left = {"op": _SUMS[op], "args": [left, self._product()]}
        return left

    def _product(self) -> Any:
        left = self._one()
        while op := self._sign(*_PRODUCTS):
            left = {"op": _PRODUCTS[op], "args": [left, self._one()]}
        return left

    def _one(self) -> Any:
        if self._sign("-"):
            return {"op": "-", "args": [0, self._one()]}
        if self._take("("):
            tree = self.alternatives()
            if not self._take(")"):
                raise self._fault("')'")
            return tree
        word = self._next
        if word.kind in {"sign", "end"}:
            raise self._fault("a property, a value or a function")
        self._at += 1
        return self._name(word) if word.kind == "name" else _literal(word)

    def _name(self, word: Word) -> Any:
        if self._take("("):
            return {"op": word.text, "args": self._arguments()}
        if word.text in _CONSTANTS:
            return _CONSTANTS[word.text]
        return {"property": word.text}

    def _arguments(self) -> list[Any]:
        found: list[Any] = []
        while not self._take(")"):
            if found and not self._take(","):
                raise self._fault("',' or ')'")
            found.append(self.alternatives())
        return found


def _literal(word: Word) -> Any:
    match word.kind:
        case "text":
            return word.text
        case "geography":
            return _geography(word.text)
        case "interval":
            return {"interval": word.text.split("/")}
        case "time":
            return {"timestamp": word.text}
        case _:
            return int(word.text) if re.fullmatch(r"-?\d{1,18}", word.text) else Decimal(word.text)


def _geography(text: str) -> dict[str, Any]:
    """Return a geometry in WKT, longitude before latitude in degrees, as GeoJSON.

    Raises
    ------
    BadFilter
        When it is none, is empty or too large, or names another coordinate system.
    """
    srid = _SRID.match(text)
    if srid is not None and srid[1] not in {"4326", "4490"}:
        raise BadFilter(f"SRID is {srid[1]}; allowed are 4326 and 4490, longitude first", parameter=PARAMETER)
    try:
        shape = shapely.from_wkt(text[srid.end() :] if srid else text)
    except shapely.errors.ShapelyError as error:
        raise BadFilter(f"geography'{text[:60]}' is no WKT: {str(error)[:120]}", parameter=PARAMETER) from error
    if shape.is_empty or shapely.get_num_coordinates(shape) > _VERTICES_MAX:
        raise BadFilter(
            f"a geography has 1 to {_VERTICES_MAX} positions, not {shapely.get_num_coordinates(shape)}",
            parameter=PARAMETER,
        )
    return dict(mapping(shape))
