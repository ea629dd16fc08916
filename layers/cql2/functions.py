"""The functions a filter may call, arithmetic among them: an allow-list, each with its types and its SQL.

Numbers are computed as `numeric`: exact, and without the overflow and underflow errors of doubles. An undefined
result (a division by zero, the root of a negative number) is NULL and matches no row; no row makes a query fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from layers.clause import Clause, bind, compose, join
from layers.cql2 import spatial, temporal
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import NUMBERS, Kind, Operand, expect, expect_count, truth
from layers.errors import BadFilter

_NUMERIC = {
    "+": "({} + {})",
    "-": "({} - {})",
    "*": "({} * {})",
    "/": "({} / nullif({}, 0))",
    "%": "mod({}, nullif({}, 0))",
    "div": "div({}, nullif({}, 0))",
    # the subquery names both sides, so that neither is computed twice; bounds keep power() from raising
    "^": """(SELECT CASE WHEN v.b IS NULL OR v.e IS NULL THEN NULL
        WHEN v.e = 0 THEN 1 WHEN v.b = 0 AND v.e > 0 THEN 0 WHEN v.b = 0 THEN NULL
        WHEN abs(v.b) NOT BETWEEN 1e-300 AND 1e300 OR abs(v.e) > 1e6 OR (v.b < 0 AND v.e <> trunc(v.e)) THEN NULL
        WHEN abs(v.e * ln(least(greatest(abs(v.b), 1e-300), 1e300))) < 690 THEN power(
            least(greatest(v.b, -1e300), 1e300)::double precision, least(greatest(v.e, -1e6), 1e6)::double precision
        )::numeric END FROM (SELECT {} AS b, {} AS e) AS v)""",
}
ARITHMETIC = frozenset(_NUMERIC)
_FOLD = 'COLLATE "und-x-icu"'  # the same for every locale of the database
_TEXT = {
    "casei": f'(lower({{}} {_FOLD}) COLLATE "C")',
    "lower": f'(lower({{}} {_FOLD}) COLLATE "C")',
    "upper": f'(upper({{}} {_FOLD}) COLLATE "C")',
    # without the extension unaccent, which some databases lack: decompose, drop the marks, compose
    "accenti": """(normalize(regexp_replace(normalize({}, NFD), U&'[\\0300-\\036F]', '', 'g'), NFC) COLLATE "C")""",
}
_MEASURES: dict[str, tuple[tuple[Kind, ...], str]] = {
    "char_length": (("string",), "char_length({})::bigint"),
    "area_m2": (("geometry",), "ST_Area({}::geography)"),
    "length_m": (("geometry",), "ST_Length({}::geography)"),
    "distance_m": (("geometry", "geometry"), "ST_Distance({}::geography, {}::geography)"),
}
_ROUNDING = {"abs": "abs({})", "floor": "floor({})", "ceil": "ceil({})", "round": "round({})"}
_ARRAYS = {
    "a_equals": "({} @> {} AND {} <@ {})",  # arrays are sets to CQL2: order and repetition do not count
    "a_contains": "({} @> {})",
    "a_containedby": "({} <@ {})",
    "a_overlaps": "({} && {})",
}


def arithmetic(op: str, operands: Sequence[Operand]) -> Operand:
    """Compute with two numbers.

    Raises
    ------
    BadFilter
        When there are not two operands, or one is no number.
    """
    expect_count(op, operands, 2)
    exact = [_as_numeric(expect(operand, NUMBERS, op)) for operand in operands]
    return Operand("decimal", compose(_NUMERIC[op], *exact), f"the result of {op}")


def _as_numeric(operand: Operand) -> Clause:
    return operand.clause if operand.kind == "decimal" else operand.recast("numeric")


def _text(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name.upper(), operands, 1)
    operand = expect(operands[0], {"string"}, name.upper())
    clause = compose(_TEXT[name], operand.clause)
    return Operand("string", clause, f"{name.upper()}({operand.shown})"[:80], pattern=operand.pattern)


def _measure(name: str, operands: Sequence[Operand]) -> Operand:
    kinds, template = _MEASURES[name]
    expect_count(name.upper(), operands, len(kinds))
    for operand, parameter_kind in zip(operands, kinds, strict=True):
        expect(operand, {parameter_kind}, name.upper())
    kind: Kind = "integer" if name == "char_length" else "number"
    return Operand(kind, compose(template, *(o.clause for o in operands)), name.upper())


def _rounding(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name.upper(), operands, 1)
    exact = _as_numeric(expect(operands[0], NUMBERS, name.upper()))
    return Operand("decimal", compose(_ROUNDING[name], exact), name.upper())


def array_relation(name: str, operands: Sequence[Operand]) -> Operand:
    """Apply one of the `A_…` functions; order and repetition do not count.

    Raises
    ------
    BadFilter
        When an argument is no array.
    """
    expect_count(name.upper(), operands, 2)
    clauses = [expect(operand, {"string_array"}, name.upper()).clause for operand in operands]
    sides = (clauses * 2)[: _ARRAYS[name].count("{}")]
    return truth(compose(_ARRAYS[name], *sides), name.upper())


def of_array(members: Sequence[Operand]) -> Operand:
    """Make the operand of an array of texts; empty is allowed.

    Raises
    ------
    BadFilter
        When a member is no text.
    """
    for member in members:
        expect(member, {"string"}, "an array")
    if all(member.is_literal for member in members):
        return Operand("string_array", bind([m.value for m in members], "text[]"), "an array")
    texts = (compose('{} COLLATE "C"', member.clause) for member in members)
    return Operand("string_array", compose("ARRAY[{}]::text[]", join(", ", texts)), "an array")


def call(name: str, operands: Sequence[Operand]) -> Operand:
    """Call a function of the allow-list.

    Raises
    ------
    BadFilter
        When there is no such function; the message lists the known ones.
    """
    makers: dict[str, Callable[[str, Sequence[Operand]], Operand]] = {
        **dict.fromkeys(_TEXT, _text),
        **dict.fromkeys(_MEASURES, _measure),
        **dict.fromkeys(_ROUNDING, _rounding),
        **dict.fromkeys(_ARRAYS, array_relation),
    }
    if name in makers:
        return makers[name](name, operands)
    near = [known for known in _PREDICATES if known[:2] == name[:2]] or FUNCTIONS
    raise BadFilter(f"there is no function '{name[:40]}'; allowed are {', '.join(near)}", parameter=PARAMETER)


FUNCTIONS = tuple(n.upper() for n in (*_TEXT, *_MEASURES, *_ROUNDING))
_PREDICATES = (*_ARRAYS, *spatial.PREDICATES, "s_dwithin", *temporal.RELATIONS)
