"""Query strings: parameters by name, each once, and the checks that every address shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from layers.errors import BadInput
from server.settings import LimitSettings

_PARAMETERS_MAX = 100
_DIGITS_MAX = 15


def parameters_of(query_string: str, limits: LimitSettings, listed: Sequence[str] = ()) -> dict[str, str]:
    """Return the parameters of a query string; each may occur once.

    Parameters
    ----------
    listed
        Parameters that may occur several times, which is the same as once with all values by comma.

    Raises
    ------
    BadInput
        When the string is too long, is not UTF-8, holds a NUL, or names a parameter twice.
    """
    if len(query_string) > limits.url_bytes:
        raise BadInput(f"the query string has {len(query_string)} bytes; at most {limits.url_bytes} are read")
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS_MAX)
    except (UnicodeDecodeError, ValueError) as error:
        raise BadInput(
            f"the query string is not percent-encoded UTF-8, or has more than {_PARAMETERS_MAX} parameters"
        ) from error
    for name in listed:
        values = [text for key, text in pairs if key == name]
        if len(values) > 1:
            pairs = [*(pair for pair in pairs if pair[0] != name), (name, ",".join(values))]
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"parameter '{twice[:80]}' is given twice; once is allowed", parameter=twice[:80])
    if any("\0" in text for pair in pairs for text in pair):
        raise BadInput("a parameter holds a NUL character, which no value here can")
    return parameters


def refuse_unknown(given: Mapping[str, str], allowed: Sequence[str]) -> None:
    """Check parameter names.

    Raises
    ------
    BadInput
        For a name that is not allowed; the message lists those that are.
    """
    for name in given:
        if name not in allowed:
            raise BadInput(
                f"there is no parameter '{name[:80]}'; allowed are {', '.join(allowed)}", parameter=name[:80]
            )


def read_choice(given: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    """Return a parameter with a fixed set of values.

    Raises
    ------
    BadInput
        For any other value.
    """
    value = given.get(name, default)
    if value not in allowed:
        raise BadInput(f"{name} is '{value[:80]}'; allowed are {', '.join(allowed)}", parameter=name)
    return value


def read_number(given: Mapping[str, str], name: str, default: int, *, lowest: int) -> int:
    """Return a parameter that is a whole number.

    Raises
    ------
    BadInput
        When it is no whole number from `lowest` on, or has more than 15 digits.
    """
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX) or int(text) < lowest:
        raise BadInput(f"{name} is '{text[:40]}'; allowed are whole numbers from {lowest}", parameter=name)
    return int(text)
