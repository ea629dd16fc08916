"""Rules: one field of a message from a record of a feed, by a path, a template or a constant.

A rule can read, look up and convert, nothing else. It has no expressions to evaluate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin.envelope.refused import Reason, Refused, shown
from twin.feeds.times import epoch_moment, local_moment

type As = Literal["text", "number", "integer", "boolean", "time", "epoch_s", "epoch_ms", "list", "json"]
type Scalar = str | int | float | bool
type PathStep = str | int

PATH_STEPS_MAX = 8
_STEP = r"[^.{}\s][^.{}]{0,99}"
PATH = rf"^\$?{_STEP}(\.{_STEP}){{0,{PATH_STEPS_MAX - 1}}}$"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_PATH = re.compile(PATH)
_NOTHING = frozenset({"", "-", "--", "—", "/", "null", "NULL", "None", "N/A", "无"})
_TRUE, _FALSE = frozenset({"true", "1", "是", "y", "yes"}), frozenset({"false", "0", "否", "n", "no"})
_LIST_SEPARATORS = re.compile(r"[、,，;；|]")


class FieldRule(BaseModel):
    """The origin of a field; in a file a text alone is a path.

    Attributes
    ----------
    path
        Steps with dots, a number for an index of a list (``data.0.value``). ``$`` begins a value beside the record:
        ``$topic.1`` is the second segment of an MQTT topic, ``$line`` the line of a file, ``$file`` its name and
        ``$written`` its time of change.
    template
        A text with paths in braces: ``events/hotline-{ticket_no}``; None when one of them leads nowhere.
    constant
        The value itself.
    codes, otherwise
        Values of the sender's words, and the value of a word that is not listed, which is refused without
        `otherwise`. With ``otherwise: null`` such a word is no value.
    as_
        The type to convert to; None leaves it to the field's name.
    scale
        Factor from the sender's unit to the unit of the field.
    default
        The value when the record has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    path: str | None = Field(default=None, pattern=PATH)
    template: str | None = Field(default=None, max_length=300)
    constant: Scalar | None = None
    as_: As | None = Field(default=None, alias="as")
    codes: dict[str, Scalar] | None = None
    otherwise: Scalar | None = None
    scale: float | None = None
    default: Scalar | None = None

    @model_validator(mode="before")
    @classmethod
    def _text_is_a_path(cls, raw: Any) -> Any:
        return {"path": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if [self.path, self.template, self.constant].count(None) != 2:
            raise ValueError("a rule has one of path, template and constant")
        for placeholder in _PLACEHOLDER.findall(self.template or ""):
            if not _PATH.fullmatch(placeholder):
                raise ValueError(f"'{{{placeholder}}}' in a template is not a path")
        if self.otherwise is not None and self.codes is None:
            raise ValueError("otherwise belongs to codes")
        return self

    @cached_property
    def _steps(self) -> tuple[PathStep, ...]:
        return steps(self.path or "")

    @cached_property
    def _pieces(self) -> tuple[str | tuple[PathStep, ...], ...]:
        """Literal texts and paths of the template, alternating."""
        split = _PLACEHOLDER.split(self.template or "")
        return tuple(steps(piece) if i % 2 else piece for i, piece in enumerate(split))

    def value(self, record: Any, beside: dict[str, Any], name: str, default_as: As = "text") -> Any:
        """Return the value of the field in a record; None when there is none.

        Raises
        ------
        Refused
            When the value cannot be converted, or is a word that `codes` does not have.
        """
        if self.constant is not None:
            return self.constant
        found = look(record, beside, self._steps) if self.template is None else self._fill(record, beside)
        if found is None or (type(found) is str and found.strip() in _NOTHING):
            if self.default is None:
                return None
            found = self.default
        if self.codes is not None:
            return self._decode(found, name)
        return self._scale(_CONVERT[self.as_ or default_as](found, name))

    def _fill(self, record: Any, beside: dict[str, Any]) -> str | None:
        parts = []
        for piece in self._pieces:
            found = piece if isinstance(piece, str) else look(record, beside, piece)
            if found is None or isinstance(found, dict | list):
                return None
            parts.append(_text(found, ""))
        return "".join(parts)

    def _decode(self, word: Any, name: str) -> Scalar | None:
        known = self.codes or {}
        key = _text(word, name).strip()
        if key in known:
            return known[key]
        if "otherwise" in self.model_fields_set:
            return self.otherwise
        allowed = "、".join(list(known)[:12])
        raise Refused(Reason.UNKNOWN_CODE, f"{name} is {shown(key)}; known are {allowed}", parameter=name)

    def _scale(self, value: Any) -> Any:
        return value * self.scale if self.scale is not None and type(value) in {int, float} else value


def steps(path: str) -> tuple[PathStep, ...]:
    """Cut a path into its steps; a step of digits is an index of a list, or a field of that name."""
    return tuple(int(step) if step.isascii() and step.isdigit() else step for step in path.split(".") if step)


def look(record: Any, beside: dict[str, Any], way: tuple[PathStep, ...]) -> Any:
    """Return the value at a path; None where it leads nowhere."""
    here = record
    for index, step in enumerate(way):
        if index == 0 and type(step) is str and step[0] == "$":
            here = beside.get(step[1:])
        elif type(here) is dict:
            here = here.get(step if type(step) is str else str(step))
        elif type(here) is list and type(step) is int:
            here = here[step] if step < len(here) else None
        else:
            return None
    return here


def _text(value: Any, name: str) -> str:
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if type(value) in {int, float}:
        return str(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is a text", parameter=name)


def _number(value: Any, name: str) -> float:
    try:
        made = float(value) if type(value) in {int, float, str} else math.nan
    except (ValueError, OverflowError):
        made = math.nan
    if math.isfinite(made):
        return made
    raise Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is a number", parameter=name)


def _integer(value: Any, name: str) -> int:
    if type(value) is int:
        return value
    made = _number(value, name)
    if made.is_integer():
        return int(made)
    raise Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is a whole number", parameter=name)


def _boolean(value: Any, name: str) -> bool:
    word = _text(value, name).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Refused(Reason.WRONG_TYPE, f"{name} is {shown(value)}; needed is true or false", parameter=name)


def _list(value: Any, name: str) -> list[str]:
    if type(value) is list:
        return [_text(v, name) for v in value]
    return [part.strip() for part in _LIST_SEPARATORS.split(_text(value, name)) if part.strip()]


_CONVERT: dict[As, Callable[[Any, str], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "time": local_moment,
    "epoch_s": lambda value, name: epoch_moment(value, name, unit="s"),
    "epoch_ms": lambda value, name: epoch_moment(value, name, unit="ms"),
    "list": _list,
    "json": lambda value, _: value,
}
