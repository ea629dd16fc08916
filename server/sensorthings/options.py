"""The query options of SensorThings: `$filter`, `$expand`, `$select`, `$orderby`, `$top`, `$skip`, `$count`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layers.errors import BadInput
from server.http.parameters import read_choice
from server.sensorthings.filter_text import read_filter
from twin.sensing.entity_types import SensorEntity, linked_type

OPTIONS = ("$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count")
TOP = 100
TOP_MAX = 1_000
SKIP_MAX = 100_000
DEPTH_MAX = 4
EXPANSIONS_MAX = 12
_TEXT_MAX = 16_384


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """The options of one set of entities.

    Attributes
    ----------
    filter
        The tree of `$filter`; None without one.
    expand
        Options of linked entities by the name of the link.
    select
        Names of the properties and links in the answer; None is all of them.
    order
        Paths of properties, each with whether it is descending.
    given
        The texts, for links to other pages.
    """

    filter: Any = None
    expand: Mapping[str, EntityOptions] = field(default_factory=dict)
    select: tuple[str, ...] | None = None
    order: tuple[tuple[str, bool], ...] = ()
    top: int = TOP
    skip: int = 0
    count: bool = False
    given: Mapping[str, str] = field(default_factory=dict)


def read_options(given: Mapping[str, str], entity: SensorEntity, depth: int = 0) -> EntityOptions:
    """Read the options of a set of entities.

    Raises
    ------
    BadInput
        For an unknown option, or a value that is not allowed; the message says what is.
    """
    for name in given:
        if name not in OPTIONS:
            raise BadInput(f"there is no option '{name[:60]}'; allowed are {', '.join(OPTIONS)}", parameter=name[:60])
    for name, text in given.items():
        if len(text) > _TEXT_MAX:
            raise BadInput(f"{name} has {len(text):,} characters; at most {_TEXT_MAX:,} are read", parameter=name)
    return EntityOptions(
        filter=read_filter(given["$filter"]) if "$filter" in given else None,
        expand=_expand(given["$expand"], entity, depth) if "$expand" in given else {},
        select=_select(given["$select"], entity) if "$select" in given else None,
        order=_order(given["$orderby"]) if "$orderby" in given else (),
        top=_number(given, "$top", TOP, TOP_MAX),
        skip=_number(given, "$skip", 0, SKIP_MAX),
        count=read_choice(given, "$count", ("true", "false"), "false") == "true",
        given=given,
    )


def _number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 15):
        raise BadInput(f"{name} is '{text[:40]}'; allowed are whole numbers from 0", parameter=name)
    if name == "$skip" and int(text) > most:
        raise BadInput(
            f"$skip is {text}; at most {most:,} are skipped: narrow the set by $filter, as by phenomenonTime",
            parameter=name,
        )
    return min(int(text), most)  # more than a page holds is no error: the page has a link to the next one


def _select(text: str, entity: SensorEntity) -> tuple[str, ...]:
    allowed = ("id", "@iot.id", "@iot.selfLink", *entity.members, *entity.links)
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in allowed:
            raise BadInput(
                f"$select names '{name[:60]}'; of {entity.set} there are {', '.join(allowed)}", parameter="$select"
            )
    return names


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for part in text.split(","):
        path, _, direction = part.strip().partition(" ")
        if not path or direction.strip() not in {"", "asc", "desc"}:
            raise BadInput(
                f"$orderby has '{part[:60]}'; write a property, then asc or desc, with commas between",
                parameter="$orderby",
            )
        found.append((path, direction.strip() == "desc"))
    if len(found) > len({path for path, _ in found}) or len(found) > 8:
        raise BadInput("$orderby names a property twice, or more than 8", parameter="$orderby")
    return tuple(found)


def _expand(text: str, entity: SensorEntity, depth: int) -> dict[str, EntityOptions]:
    if depth >= DEPTH_MAX:
        raise BadInput(f"$expand is nested deeper than {DEPTH_MAX} levels", parameter="$expand")
    if depth == 0 and (number := text.count("$expand") + text.count(",") + text.count("/") + 1) > 8 * EXPANSIONS_MAX:
        raise BadInput(f"$expand has {number} parts; at most {8 * EXPANSIONS_MAX} are read", parameter="$expand")
    found: dict[str, EntityOptions] = {}
    for part in split_outside(text, ","):
        link, inner = _link_and_options(part.strip())
        target = linked_type(entity, link)
        if target is None:
            raise BadInput(
                f"$expand names '{link[:60]}'; of {entity.set} there are {', '.join(entity.links)}", parameter="$expand"
            )
        if link in found:
            raise BadInput(f"$expand names '{link}' twice; put what is below it into one", parameter="$expand")
        found[link] = read_options(inner, target, depth + 1)
    if len(found) > EXPANSIONS_MAX:
        raise BadInput(f"$expand has more than {EXPANSIONS_MAX} parts", parameter="$expand")
    return found


def _link_and_options(part: str) -> tuple[str, dict[str, str]]:
    """Return the link of a part of `$expand`, and its options: ``A/B`` is ``A($expand=B)``."""
    head, parenthesis, _ = part.partition("(")
    link, slash, _ = head.partition("/")
    if slash:
        return link, {"$expand": part[len(link) + 1 :]}
    if not parenthesis:
        return link, {}
    if not part.endswith(")"):
        raise BadInput(f"$expand has '{part[:60]}' with a parenthesis that is not closed", parameter="$expand")
    options: dict[str, str] = {}
    for one in split_outside(part[len(head) + 1 : -1], ";"):
        name, equals, value = one.strip().partition("=")
        if not equals or name in options:
            raise BadInput(
                f"$expand has '{one[:60]}' in parentheses; write each of {', '.join(OPTIONS)} once, as name=value",
                parameter="$expand",
            )
        options[name] = value
    return link, options


def split_outside(text: str, separator: str) -> list[str]:
    """Split a text at a separator outside of quotes and parentheses.

    Raises
    ------
    BadInput
        When a parenthesis is not opened or not closed.
    """
    parts, depth, quoted, begin = [], 0, False, 0
    for at, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted and character in "()":
            depth += 1 if character == "(" else -1
            if depth < 0:
                break
        elif not quoted and depth == 0 and character == separator:
            parts.append(text[begin:at])
            begin = at + 1
    if depth or quoted:
        raise BadInput(f"a parenthesis or a quote is not closed in '{text[:80]}'", parameter="$expand")
    return [*parts, text[begin:]]
