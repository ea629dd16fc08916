"""Arithmetic as PostgreSQL's `numeric` has it, for filters that are evaluated in memory.

A division keeps as many digits as PostgreSQL keeps (at least 16 significant ones), so that `x / 3 * 3 = 1` is true or
false in both alike. An undefined result is None, where PostgreSQL has NULL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

_EXACT = Context(prec=100_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_GROUP = 4  # decimal digits in one of numeric's own
_DIGITS_MIN = 16
_SCALE_MAX = 1000
_POWER_LN_MAX = 690


def exact(value: float | Decimal) -> Decimal:
    """Return a number as `numeric`; a double is rounded to 15 digits, as by PostgreSQL's cast."""
    if isinstance(value, Decimal):
        return value
    return Decimal(f"{value:.15g}") if isinstance(value, float) else Decimal(value)


def divide(a: Decimal, b: Decimal) -> Decimal | None:
    """Return the quotient, rounded half away from zero to the scale of PostgreSQL; None for a division by zero."""
    if not b:
        return None
    scale = _scale(a, b)
    (top, top_power), (bottom, bottom_power) = _parts(a), _parts(b)
    power = top_power - bottom_power + scale
    top, bottom = (top * 10**power, bottom) if power >= 0 else (top, bottom * 10**-power)
    quotient = (2 * abs(top) + abs(bottom)) // (2 * abs(bottom))
    return _decimal(-quotient if (top < 0) != (bottom < 0) else quotient, -scale)


def remainder(a: Decimal, b: Decimal) -> Decimal | None:
    """Return the remainder with the sign of `a`; None for a division by zero."""
    if not b:
        return None
    x, y, power = _align(a, b)
    rest = abs(x) % abs(y)
    return _decimal(-rest if x < 0 else rest, power)


def whole(a: Decimal, b: Decimal) -> Decimal | None:
    """Return the quotient without its fraction; None for a division by zero."""
    if not b:
        return None
    x, y, _ = _align(a, b)
    quotient = abs(x) // abs(y)
    return Decimal(-quotient if (x < 0) != (y < 0) else quotient)


def power(b: Decimal, e: Decimal) -> Decimal | None:
    """Raise `b` to `e` as doubles; None where that is not defined or too large."""
    if not e:
        return Decimal(1)
    if not b:
        return Decimal(0) if e > 0 else None
    size = b.copy_abs()
    if not Decimal("1e-300") <= size <= Decimal("1e300") or e.copy_abs() > Decimal("1e6"):
        return None
    if b < 0 and e != e.to_integral_value():
        return None
    if abs(float(e) * math.log(float(size))) >= _POWER_LN_MAX:
        return None
    return exact(math.pow(float(b), float(e)))


def _scale(a: Decimal, b: Decimal) -> int:
    """Return the digits after the point of a quotient, as PostgreSQL's `select_div_scale` has it."""
    (weight_a, first_a), (weight_b, first_b) = _leading(a), _leading(b)
    weight = weight_a - weight_b - (first_a <= first_b)
    scale = max(_DIGITS_MIN - weight * _GROUP, _fraction(a), _fraction(b), 0)
    return min(scale, _SCALE_MAX)


def _leading(value: Decimal) -> tuple[int, int]:
    """Return place and value of the first group of four digits."""
    if not value:
        return 0, 0
    weight = math.floor(value.adjusted() / _GROUP)
    digits, exponent = value.as_tuple().digits, int(value.as_tuple().exponent)
    coefficient = int("".join(map(str, digits)))
    shift = exponent - weight * _GROUP
    return weight, coefficient * 10**shift if shift >= 0 else coefficient // 10**-shift


def _fraction(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))


def _parts(value: Decimal) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    coefficient = int("".join(map(str, digits)))
    return -coefficient if sign else coefficient, int(exponent)


def _align(a: Decimal, b: Decimal) -> tuple[int, int, int]:
    (x, x_power), (y, y_power) = _parts(a), _parts(b)
    least = min(x_power, y_power)
    return x * 10 ** (x_power - least), y * 10 ** (y_power - least), least


def _decimal(coefficient: int, exponent: int) -> Decimal:
    return _EXACT.scaleb(Decimal(coefficient), exponent)


ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal | None]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
    "/": divide,
    "%": remainder,
    "div": whole,
    "^": power,
}
ROUNDING: dict[str, Callable[[Decimal], Decimal]] = {
    "abs": Decimal.copy_abs,
    "floor": lambda value: value.to_integral_value(ROUND_FLOOR),
    "ceil": lambda value: value.to_integral_value(ROUND_CEILING),
    "round": lambda value: value.to_integral_value(ROUND_HALF_UP),
}
