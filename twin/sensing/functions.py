"""The functions of SensorThings filters, beside those of CQL2: an allow-list, each with its types and its SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from layers.clause import Clause, bind, compose
from layers.cql2.functions import call
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import INSTANTS, NUMBERS, Kind, Operand, expect, expect_count, truth
from layers.cql2.spatial import PREDICATES
from layers.cql2.spatial import relate as relate_places
from layers.cql2.temporal import as_instant
from layers.cql2.temporal import relate as relate_times
from layers.errors import BadFilter

_WHOLE = "least(greatest(trunc({}), 0), 1000000)::int"  # so that no number is out of the range of substr
_TEXTS: dict[str, tuple[tuple[str, ...], Kind, str]] = {  # types of arguments, type, SQL
    "substringof": (("string", "string"), "boolean", "(position({0} in {1}) > 0)"),
    "contains": (("string", "string"), "boolean", "(position({1} in {0}) > 0)"),
    "endswith": (("string", "string"), "boolean", "(right({0}, char_length({1})) = {1})"),
    "startswith": (("string", "string"), "boolean", "starts_with({0}, {1})"),
    "length": (("string",), "integer", "char_length({0})::bigint"),
    "indexof": (("string", "string"), "integer", "(position({1} in {0}) - 1)::bigint"),
    "trim": (("string",), "string", "btrim({0}, E' \\t\\n\\r')"),
    "concat": (("string", "string"), "string", "({0} || {1})"),
}
_IN_UTC = "({0} AT TIME ZONE 'UTC')"
_PARTS = {
    **{part: f"extract({part} FROM {_IN_UTC})::bigint" for part in ("year", "month", "day", "hour", "minute")},
    "second": f"trunc(extract(second FROM {_IN_UTC}))::bigint",
    "fractionalseconds": f"(extract(second FROM {_IN_UTC}) % 1)::numeric",
    "totaloffsetminutes": f"(extract(year FROM {_IN_UTC}) * 0)::bigint",  # every time here is in UTC
}
_MOMENTS = {
    "now": "now()",
    "mindatetime": "'-infinity'::timestamptz",
    "maxdatetime": "'infinity'::timestamptz",
}
_SAME = {
    "tolower": "lower", "toupper": "upper", "round": "round", "floor": "floor", "ceiling": "ceil",
    "geo.distance": "distance_m", "geo.length": "length_m",
}  # fmt: skip
_PLACES = {
    "geo.intersects": "s_intersects",
    **{f"st_{name.removeprefix('s_')}": name for name in PREDICATES},
}
_TIMES = {
    name: f"t_{name}" for name in ("before", "after", "during", "meets", "overlaps", "starts", "finishes", "contains")
}
_TIMES.pop("contains")  # the function of texts has this name
_RELATE = re.compile(r"[TF*012]{9}")


def _text(name: str, operands: Sequence[Operand]) -> Operand:
    kinds, kind, template = _TEXTS[name]
    expect_count(name, operands, len(kinds))
    parts = [expect(one, {allowed}, name).clause for one, allowed in zip(operands, kinds, strict=True)]
    return Operand(kind, _filled(template, parts), name)


def _filled(template: str, parts: Sequence[Clause]) -> Clause:
    order = [int(number) for number in re.findall(r"\{(\d)\}", template)]
    return compose(re.sub(r"\{\d\}", "{}", template), *(parts[number] for number in order))


def _substring(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 2, 3)
    text = expect(operands[0], {"string"}, name).clause
    numbers = [compose(_WHOLE, expect(one, NUMBERS, name).recast("numeric")) for one in operands[1:]]
    template = "substr({}, {} + 1, {})" if len(numbers) == 2 else "substr({}, {} + 1)"
    return Operand("string", compose(template, text, *numbers), name)


def _part(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 1)
    moment = expect(as_instant(operands[0]), INSTANTS, name)
    kind: Kind = "decimal" if name == "fractionalseconds" else "integer"
    return Operand(kind, _filled(_PARTS[name], [_exact(moment)]), name)


def _exact(moment: Operand) -> Clause:
    return moment.clause if moment.kind == "datetime" else moment.recast("timestamptz")


def _date(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 1)
    moment = as_instant(operands[0])
    if name == "date":
        return Operand("date", compose("({} AT TIME ZONE 'UTC')::date", _exact(moment)), name)
    return Operand("string", compose("to_char({} AT TIME ZONE 'UTC', 'HH24:MI:SS')", _exact(moment)), name)


def _moment(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 0)
    return Operand("datetime", Clause(_MOMENTS[name]), name)


def _relate(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 3)
    for place in operands[:2]:
        expect(place, {"geometry"}, name)
    pattern = str(operands[2].value)
    if not _RELATE.fullmatch(pattern):
        raise BadFilter(
            f"st_relate takes a pattern of nine of T, F, *, 0, 1, 2, not {operands[2].shown}", parameter=PARAMETER
        )
    left, right = (one.clause for one in operands[:2])
    return truth(compose("ST_Relate({}, {}, {})", left, right, bind(pattern, "text")), name)


def _places(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 2)
    return relate_places(_PLACES[name], operands[0], operands[1])


def _times(name: str, operands: Sequence[Operand]) -> Operand:
    expect_count(name, operands, 2)
    return relate_times(_TIMES[name], operands[0], operands[1])


_MAKERS: dict[str, Callable[[str, Sequence[Operand]], Operand]] = {
    **dict.fromkeys(_TEXTS, _text),
    "substring": _substring,
    **dict.fromkeys(_PARTS, _part),
    **dict.fromkeys(("date", "time"), _date),
    **dict.fromkeys(_MOMENTS, _moment),
    **dict.fromkeys(_SAME, lambda name, operands: call(_SAME[name], operands)),
    **dict.fromkeys(_PLACES, _places),
    "st_relate": _relate,
    **dict.fromkeys(_TIMES, _times),
}
FUNCTIONS: tuple[str, ...] = tuple(sorted(_MAKERS))


def apply_function(name: str, operands: Sequence[Operand]) -> Operand:
    """Apply a function to compiled operands.

    Raises
    ------
    BadFilter
        When there is no such function, or its arguments are of other types or number; the message says what is allowed.
    """
    make = _MAKERS.get(name.lower())
    if make is None:
        raise BadFilter(f"there is no function '{name[:40]}'; allowed are {', '.join(FUNCTIONS)}", parameter=PARAMETER)
    return make(name.lower(), operands)
