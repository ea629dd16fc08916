"""The guides of `docs/`, which the server shows offline: which there are, their order and their titles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from layers.errors import NotFound
from server.http.language import Language
from server.installation import CODE, COMMAND, INSTALLED, SHIPPED
from server.page.titled import TitledGroup, in_both

DOCS = (SHIPPED if INSTALLED else CODE) / "docs"
PICTURES = {".png": "image/png", ".webp": "image/webp"}
"""Media types of the pictures by the ending of their names."""
_FOLDERS = ("guide", "operations", "reference", "decisions")
_COMMENT = re.compile(r"\A(?:<!--.*?-->\s*)+", re.DOTALL)
_SHELVES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "使用地图",
        "Using the map",
        (
            *("map-user", "leader", "dispatcher", "grid-worker", "analyst", "operator"),
            *("indicators", "themes", "pages", "demo-city"),
        ),
    ),
    (
        "查询与分析",
        "Asking and analysing",
        (
            *("aggregate", "addresses", "ways", "responsibility", "service-sites", "live-state", "history", "sql"),
            *("sensors", "notebooks", "bulk-data", "processes"),
        ),
    ),
    (
        "数据与接入",
        "Data and feeds",
        (
            *("data-steward", "feeds", "feeds-files", "feeds-lines", "feeds-pull", "feeds-features"),
            *("feeds-terminals", "feeds-warnings", "rules", "replay"),
        ),
    ),
    ("开发与客户端", "Developing and clients", ("client-developer", "qgis", "streams", "tiles", "styles")),
    ("更多", "More", ()),
    ("运维", "Operations", ("operations/",)),
    ("参考", "Reference", ("reference/",)),
    ("为何如此", "Why it is so", ("decisions/",)),
)
"""Shelves by reader: names of guides in their order, or a folder; `更多` holds the guides that no other shelf names."""


@dataclass(frozen=True, slots=True)
class Guide:
    """One document.

    Attributes
    ----------
    name
        Its name below ``/guide``: ``tiles``, ``operations/policy``.
    place
        The file's path in `docs`, with slashes.
    """

    name: str
    place: str
    title_zh: str
    title_en: str
    text: str

    def title(self, language: Language) -> str:
        """Return the title in a language."""
        return self.title_zh if language == "zh-CN" else self.title_en


@dataclass(frozen=True, slots=True)
class FoundGuide:
    """A guide that holds what was searched for, and the text around the first place."""

    guide: Guide
    excerpt: str


@lru_cache(maxsize=1)
def guides() -> dict[str, Guide]:
    """Return all documents by name; read once, since they belong to the program."""
    files = [path for folder in _FOLDERS for path in sorted((DOCS / folder).glob("*.md"))]
    return {guide.name: guide for guide in map(_read, files)}


def guide_named(name: str) -> Guide:
    """Return one document.

    Raises
    ------
    NotFound
        When there is none of this name.
    """
    found = guides().get(name)
    if found is None:
        raise NotFound(f"there is no guide '{name[:80]}'; /guide lists them", parameter="name")
    return found


@lru_cache(maxsize=1)
def images() -> dict[str, Path]:
    """Return the pictures of the guides by file name; no other file is served."""
    found = (path for path in sorted((DOCS / "images").iterdir()) if path.suffix in PICTURES)
    return {path.name: path for path in found}


@lru_cache(maxsize=1)
def shelves() -> tuple[TitledGroup[Guide], ...]:
    """Return every document on its shelf."""
    listed = {name for _, _, names in _SHELVES for name in names}
    return tuple(
        TitledGroup(zh, en, tuple(on))
        for zh, en, names in _SHELVES
        if (on := [guide for name in names for guide in _on(name)] if names else _unlisted(listed))
    )


def _on(name: str) -> list[Guide]:
    if name.endswith("/"):
        return [guide for guide in guides().values() if guide.name.startswith(name)]
    return [guides()[name]] if name in guides() else []


def _unlisted(listed: set[str]) -> list[Guide]:
    return [guide for guide in guides().values() if "/" not in guide.name and guide.name not in listed]


def search_guides(words: str) -> list[FoundGuide]:
    """Return the guides that hold all words, those that name the first one in their title first; empty for none."""
    wanted = words.casefold().split()
    if not wanted:
        return []
    holding = [guide for guide in guides().values() if all(word in guide.text.casefold() for word in wanted)]
    holding.sort(key=lambda guide: wanted[0] not in f"{guide.title_zh} {guide.title_en}".casefold())
    return [FoundGuide(guide, _around(guide.text, wanted[0])) for guide in holding]


def _around(text: str, word: str) -> str:
    """Return about 120 characters around the first place of a word, without the marks of Markdown."""
    at = text.casefold().find(word)
    part = text[max(0, at - 40) : at + 90]
    return " ".join(re.sub(r"[#*`|\[\]]+|-{3,}", " ", part).split())


def _read(path: Path) -> Guide:
    text = _COMMENT.sub("", path.read_text(encoding="utf-8")).replace("./onemap", COMMAND)
    place = path.relative_to(DOCS).as_posix()
    name = place.removeprefix("guide/").removesuffix(".md").replace("README", "index")
    heading = text.partition("\n")[0].lstrip("# ")
    zh, en = in_both(heading)
    return Guide(name, place, zh, en, text)
