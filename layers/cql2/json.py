"""The text of CQL2 JSON → plain objects whose numbers are exact.

The standard library parses it and not the `cql2` package, which turns every integer into a double (9007199254740993
would silently become …992); the typed compiler checks more than the package's schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Never

from layers.cql2.limits import PARAMETER, FilterLimits, too_large
from layers.errors import BadFilter

_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)


def read_json(text: str, limits: FilterLimits) -> Any:
    """Parse CQL2 JSON; integers stay integers, decimals become `Decimal`.

    Raises
    ------
    BadFilter
        When it is not JSON, names a member twice, or holds NaN; the message says where.
    """
    _check_depth(text, 2 * limits.depth + 6)
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise BadFilter(
            f"the filter is not JSON at character {error.pos + 1}: {error.msg}", parameter=PARAMETER
        ) from error
    except (ValueError, ArithmeticError) as error:  # an integer of more than 4,300 digits, an endless exponent
        raise BadFilter("the filter holds a number too long to read", parameter=PARAMETER) from error


def _check_depth(text: str, allowed: int) -> None:
    depth = 0
    for match in _BRACKET.finditer(text):
        character = match[0]
        depth += (character in "[{") - (character in "]}")
        if depth > allowed:
            raise too_large("levels", allowed // 2)


def _no_constant(name: str) -> Never:
    raise BadFilter(f"the filter holds {name}, which is not a JSON number", parameter=PARAMETER)


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadFilter(f"the filter's JSON has the member '{name[:80]}' twice in one object", parameter=PARAMETER)
        found[name] = value
    return found
