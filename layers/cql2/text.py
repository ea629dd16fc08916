"""CQL2 text → CQL2 JSON, with the `cql2` package as the parser of the grammar.

The package never gets a client's whole text. Measured on 0.6.0: its time doubles with every open parenthesis
(25 characters take half a minute), a few thousand nested or chained operators overflow the stack and end the
process, integers become doubles, `2^3^2` is parsed from the left, and `.5`, `POINT(1e5 2)` and `()` are refused.
So values, geometries and parenthesised parts are extracted first and parsed by themselves; the skeleton of each piece
(names, operators, calls) is short and flat, and in it ``"3"`` is the third extracted value. No bare name can start
with a digit, and quoted names are extracted too, so that none can be mistaken for a number of a value.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import cql2
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import mapping

from layers.cql2.limits import PARAMETER, FilterLimits, too_large
from layers.cql2.scan import Token, fault, scan
from layers.errors import BadFilter

_KEYWORDS = {"and", "or", "not", "in", "like", "between", "is", "div"}
_OPERATORS = {"+", "-", "*", "/", "%", "^", "=", "<>", "!=", "<", ">", "<=", ">=", "not", "div", "in", "is", "like"}
_TYPED = {"date", "timestamp", "interval", "bbox", "envelope"}  # calls that the package checks too little
_PIECE_WORDS = 4_000  # far below what overflows the package's stack
_PLACE = re.compile(r"--> \d+:(\d+)")


def read_text(text: str, limits: FilterLimits) -> Any:
    """Parse CQL2 text.

    Returns
    -------
    dict, list or scalar
        Its CQL2 JSON; integers are exact, decimals are `Decimal`.

    Raises
    ------
    BadFilter
        When it is not CQL2; the message names the character and what was expected there.
    """
    reader = _Reader(text, limits)
    node = reader.piece(depth=0)
    if reader.token.kind != "end":
        raise fault(reader.token, "an operator or the end")
    return node


class _Reader:
    """A parser that walks the words once; every method starts at `token` and leaves it behind the parsed part."""

    def __init__(self, text: str, limits: FilterLimits) -> None:
        self.text = text
        self.limits = limits
        self.tokens = scan(text, limits)
        self.position = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def following(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def piece(self, depth: int) -> Any:
        """Parse up to the comma, closing bracket or end that is not inside a call of this piece.

        Raises
        ------
        BadFilter
            When it is nested too deep, or is no expression.
        """
        if depth > self.limits.depth:
            raise too_large("levels", self.limits.depth)
        skeleton = _Skeleton(self.token)
        calls = operators = 0
        while (token := self.token).kind != "end":
            if token.text in {")", ",", "]"} and not (calls and token.text != "]"):
                break
            calls += self._step(token, skeleton, depth + calls)
            operators = 0 if token.text == "," or token.word in {"and", "or"} else operators + _is_operator(token)
            if operators > self.limits.depth or calls + depth > self.limits.depth:
                raise too_large("levels", self.limits.depth)
        skeleton.after = self.token
        return skeleton.parse()

    def _step(self, token: Token, skeleton: _Skeleton, depth: int) -> int:
        """Add one word or group to the skeleton; return the change of the number of open calls."""
        before = self.tokens[self.position - 1] if self.position else None
        if token.kind in {"geometry", "string", "quoted", "number"}:
            skeleton.hide(_value(token), token)
        elif token.text in {"(", "["}:
            skeleton.hide(self._group(depth, is_list=before is not None and before.word == "in"), token)
            return 0
        elif token.word and token.word not in _KEYWORDS and self.following().text == "(":
            skeleton.keep(f"cql2_{token.word}" if token.word in _TYPED else token.text, token)
            skeleton.keep("(", self.following())
            self.position += 2
            return 1
        else:
            skeleton.keep(token.text, token)
        self.position += 1
        return -1 if token.text == ")" else 0

    def _group(self, depth: int, *, is_list: bool) -> Any:
        """Parse the content of brackets: an expression, or a list when it has a comma or is empty."""
        opening = self.token
        closing = ")" if opening.text == "(" else "]"
        self.position += 1
        elements = []
        if self.token.text != closing:
            elements.append(self.piece(depth + 1))
            while self.token.text == ",":
                self.position += 1
                elements.append(self.piece(depth + 1))
        if self.token.text != closing:
            raise fault(self.token, f"an operator or the '{closing}' of character {opening.start + 1}")
        self.position += 1
        return elements if is_list or closing == "]" or len(elements) != 1 else elements[0]


class _Skeleton:
    """The names and operators of one piece, and the values extracted from it."""

    def __init__(self, first: Token) -> None:
        self.words: list[str] = []
        self.sources: list[Token] = []
        self.hidden: list[Any] = []
        self.after = first

    def keep(self, word: str, source: Token) -> None:
        self.words.append(word)
        self.sources.append(source)
        if len(self.words) > _PIECE_WORDS:
            raise too_large("words in one pair of parentheses", _PIECE_WORDS)

    def hide(self, node: Any, source: Token) -> None:
        self.keep(f'"{len(self.hidden)}"', source)
        self.hidden.append(node)

    def parse(self) -> Any:
        if len(self.words) == 1 and self.hidden:
            return self.hidden[0]
        text = " ".join(self.words)
        try:
            node = cql2.parse_text(text).to_json()
        except Exception as error:
            raise self._fault(str(error)) from error
        except BaseException as panic:  # a panic in the package is no Exception
            if type(panic).__name__ != "PanicException":
                raise
            raise self._fault("") from panic
        return self._restore(node)

    def _fault(self, message: str) -> BadFilter:
        expected = "an operator or the end" if "Eq" in message else "a value, a name or a call"
        place = _PLACE.search(message)
        if place is None:
            return BadFilter(f"the filter cannot be read: {message[:200] or 'unknown fault'}", parameter=PARAMETER)
        column, end = int(place[1]) - 1, 0
        for word, source in zip(self.words, self.sources, strict=True):
            end += len(word)
            if column < end:
                return fault(source, expected)
            end += 1
        return fault(self.after, expected)

    def _restore(self, node: Any) -> Any:
        """Put the values back in the places of their numbers."""
        if isinstance(node, list):
            return [self._restore(part) for part in node]
        if isinstance(node, dict):
            return self._restore_object(node)
        return int(node) if isinstance(node, float) else node  # the package's own -1 of a minus sign

    def _restore_object(self, node: dict[str, Any]) -> Any:
        if "property" in node:
            name = node["property"]
            return self.hidden[int(name)] if name.isdecimal() else node
        if "op" not in node:  # a literal of the grammar that was not extracted, and so not checked
            raise self._fault(f"'{' '.join(self.words)[:80]}' is no expression")
        if node["op"] == "^":
            return self._power(node)
        args = [self._restore(argument) for argument in node["args"]]
        if node["op"] == "*" and node["args"][0] == -1.0 and _is_number(args[1]):  # the package's form of a minus sign
            return -args[1]
        return _operation(node["op"], args)

    def _power(self, node: dict[str, Any]) -> Any:
        """Return `2^3^2` grouped from the right, as the standard has it; the package groups from the left."""
        terms = []
        while isinstance(node, dict) and node.get("op") == "^":
            terms.append(self._restore(node["args"][1]))
            node = node["args"][0]
        power = terms[0]
        for base in [*terms[1:], self._restore(node)]:
            power = {"op": "^", "args": [base, power]}
        return power


def _operation(op: str, args: list[Any]) -> dict[str, Any]:
    """Return an operation in the form of CQL2 JSON, where the package's form differs."""
    if op == "in" and len(args[1]) == 1 and isinstance(args[1][0], list):  # our own list in the package's list of one
        return {"op": "in", "args": [args[0], args[1][0]]}
    if op.startswith("cql2_"):
        return _typed(op.removeprefix("cql2_"), args)
    if op.lower().startswith("a_"):  # ('a') is a list of one here
        args = [a if isinstance(a, list | dict) else [a] for a in args]
    return {"op": op if op == "isNull" else op.lower(), "args": args}


def _typed(name: str, args: list[Any]) -> dict[str, Any]:
    if name in {"date", "timestamp"}:
        if len(args) != 1 or not isinstance(args[0], str):
            raise BadFilter(
                f"{name.upper()} takes one string, such as {name.upper()}('2025-01-02…')", parameter=PARAMETER
            )
        return {name: args[0]}
    return {"bbox" if name == "envelope" else name: args}


def _is_number(node: Any) -> bool:
    return isinstance(node, int | Decimal) and not isinstance(node, bool)


def _is_operator(token: Token) -> bool:
    return token.text in _OPERATORS or token.word in _OPERATORS


def _value(token: Token) -> Any:
    if token.kind == "geometry":
        return _read_wkt(token)
    if token.kind == "string":
        return token.text[1:-1].replace("''", "'")
    if token.kind == "quoted":
        return {"property": token.text[1:-1].replace('""', '"')}
    if token.text.isdecimal():
        if len(token.text) > 400:
            raise fault(token, "a number of at most 400 digits")
        return int(token.text)
    try:
        return Decimal(token.text)
    except ArithmeticError as error:
        raise fault(token, "a number that can be held") from error


def _read_wkt(token: Token) -> dict[str, Any]:
    try:
        geometry = shapely.from_wkt(token.text)
    except ShapelyError as error:
        reason = str(error).replace("ParseException: ", "").replace("IllegalArgumentException: ", "")
        raise fault(token, f"a geometry in WKT ({reason[:200]})") from error
    if geometry.is_empty:
        raise fault(token, "a geometry that is not empty")
    return dict(mapping(geometry))
