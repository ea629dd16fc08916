"""The language of titles and pages: Chinese, or English."""

from __future__ import annotations

from typing import Literal

from layers.errors import BadInput

Language = Literal["zh-CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")


def language_of(given: str | None, accept_language: str) -> Language:
    """Return the language: `lang` first, then the Accept-Language header in its order of preference, then Chinese.

    Raises
    ------
    BadInput
        For a `lang` that is neither Chinese nor English; ``zh`` and ``en-GB`` are.
    """
    if given is not None:
        chosen = _language(given)
        if chosen is None:
            raise BadInput(f"lang is '{given[:40]}'; allowed are {', '.join(LANGUAGES)}", parameter="lang")
        return chosen
    return next((known for tag in _by_preference(accept_language) if (known := _language(tag))), "zh-CN")


def _language(tag: str) -> Language | None:
    primary = tag.strip().lower().replace("_", "-").partition("-")[0]
    return "zh-CN" if primary == "zh" else "en" if primary == "en" else None


def _by_preference(accept_language: str) -> list[str]:
    weighed = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        tag, _, weight = part.partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag))
        except ValueError:
            continue
    return [tag for weight, _, tag in sorted(weighed) if weight < 0]
