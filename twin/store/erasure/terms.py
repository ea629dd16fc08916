"""What is looked for when a person is erased: values anywhere in a text, and identifiers that stand alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from layers.errors import BadInput

WORD = "**"
"""Stands in the place of an erased value; no longer than the shortest of them."""
_LENGTHS = {"name": 2, "phone": 7, "plate": 6}
_MOBILE = re.compile(r"1[0-9]{10}")
_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class PersonTerms:
    """Values of a person.

    Attributes
    ----------
    values
        Erased wherever they stand in a text: names, phones, plates.
    ids
        Erased where they are a whole value only, since W1 is a part of W10.
    """

    values: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Values and identifiers; the longest first, so that none leaves a part of another."""
        return tuple(sorted({*self.values, *self.ids}, key=lambda term: (-len(term), term)))

    @property
    def patterns(self) -> list[str]:
        """Patterns of LIKE that find a value in a text."""
        return [f"%{_escape_like(value)}%" for value in self.values]

    @property
    def json_terms(self) -> tuple[str, ...]:
        """Values and quoted identifiers as they stand in the text of JSON."""
        inside = (json.dumps(value, ensure_ascii=False)[1:-1] for value in self.values)
        return tuple(
            sorted({*inside, *(json.dumps(one, ensure_ascii=False) for one in self.ids)}, key=lambda t: (-len(t), t))
        )

    @property
    def raw(self) -> list[bytes]:
        """Values and quoted identifiers as they may stand in messages and files: UTF-8, GB 18030, escaped JSON."""
        texts = [*self.values, *(f'"{one}"' for one in self.ids)]
        escaped = [json.dumps(value)[1:-1] for value in self.values]
        forms = [form.encode() for form in (*texts, *escaped, *(one.upper().replace("\\U", "\\u") for one in escaped))]
        return sorted({*forms, *(text.encode("gb18030") for text in texts)})

    def stands_in(self, value: Any) -> bool:
        """Return whether any text of a JSON value has one of the terms."""
        if isinstance(value, str):
            return value in self.ids or any(one in value for one in self.values)
        if isinstance(value, dict):
            return any(self.stands_in(one) for pair in value.items() for one in pair)
        return isinstance(value, list) and any(self.stands_in(one) for one in value)


def person_terms(
    names: Iterable[str] = (), phones: Iterable[str] = (), plates: Iterable[str] = (), ids: Iterable[str] = ()
) -> PersonTerms:
    """Return the terms of a person; a mobile phone is also looked for in groups (138 0013 8000, 138-0013-8000).

    Raises
    ------
    BadInput
        When a value is so short that it would be found everywhere, or too long.
    """
    values = [
        _checked(kind, value, least)
        for (kind, least), given in zip(_LENGTHS.items(), (names, phones, plates), strict=True)
        for value in given
    ]
    grouped = [
        mark.join((value[:3], value[3:7], value[7:])) for value in values if _MOBILE.fullmatch(value) for mark in " -"
    ]
    return PersonTerms(tuple(values + grouped), tuple(_checked("id", one, 1) for one in ids))


def _checked(kind: str, value: str, least: int) -> str:
    value = value.strip()
    if not least <= len(value) <= _LENGTH_MAX:
        raise BadInput(f"a {kind} to erase has {least} to {_LENGTH_MAX} characters; got {len(value)}", parameter=kind)
    return value


def _escape_like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)
