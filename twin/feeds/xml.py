"""XML from outside: a small tree with limits; declarations of any kind are refused, so there are no entities."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat  # every declaration is refused below, before it takes effect

from twin.envelope.refused import Reason, Refused

BYTES_MAX = 1024 * 1024
DEPTH_MAX = 16
ELEMENTS_MAX = 20_000
_SEPARATOR = " "
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9._-]{1,20})["']""")
_CHINESE = frozenset({"gbk", "gb2312", "gb18030"})


@dataclass(slots=True)
class Element:
    """An element: its name without the namespace, its text, its children in their order."""

    namespace: str
    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Return the children of a name, of the element's own namespace."""
        return [c for c in self.children if c.name == name and c.namespace == self.namespace]

    def first(self, name: str) -> str | None:
        """Return the stripped text of the first child of a name; None when there is none or it is empty."""
        found = next((c.text.strip() for c in self.all(name)), "")
        return found or None


def read_xml(body: bytes) -> Element:
    """Read an XML document.

    Raises
    ------
    Refused
        When it is too large, too deep or not well-formed, or has a DTD.
    """
    if len(body) > BYTES_MAX:
        raise Refused(Reason.TOO_LARGE, f"{len(body)} bytes of XML; at most {BYTES_MAX}")
    builder = _Builder()
    parser = expat.ParserCreate(encoding="utf-8" if _is_chinese(body) else None, namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = _refuser("a DTD")
    parser.EntityDeclHandler = _refuser("an entity")
    parser.ExternalEntityRefHandler = _refuser("an external entity")
    try:
        parser.Parse(_utf8(body), True)  # noqa: FBT003 - expat takes it by place only
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Refused(Reason.NOT_XML, f"not XML: {error}") from error
    if builder.root is None:
        raise Refused(Reason.NOT_XML, "not XML: no element")
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self.open: list[Element] = []
        self.count = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) >= DEPTH_MAX or self.count > ELEMENTS_MAX:
            reason = Reason.TOO_DEEP if len(self.open) >= DEPTH_MAX else Reason.TOO_MANY
            raise Refused(reason, f"XML of more than {DEPTH_MAX} levels or {ELEMENTS_MAX} elements")
        namespace, _, local = name.rpartition(_SEPARATOR)
        element = Element(namespace, local)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, _: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        self.open[-1].text += text


def _refuser(what: str) -> Callable[..., Any]:
    def refuse(*_: object) -> NoReturn:
        raise Refused(Reason.XML_DECLARATIONS, f"XML with {what} is not taken")

    return refuse


def _is_chinese(body: bytes) -> bool:
    declared = _DECLARED.match(body)
    return declared is not None and declared[1].decode().lower() in _CHINESE


def _utf8(body: bytes) -> bytes:
    """Convert a body declared as GBK to UTF-8; the parser has no Chinese encoding."""
    if not _is_chinese(body):
        return body
    try:
        return body.decode("gb18030").encode()
    except UnicodeDecodeError as error:
        raise Refused(Reason.BAD_ENCODING, f"declared as GBK and is not: {error}") from error
