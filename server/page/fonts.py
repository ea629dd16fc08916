"""The font of the map's labels: its files with their characters, as a style lists them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from server.page.assets import MODULES

_SHEET = MODULES / "@fontsource-variable" / "noto-sans-sc" / "index.css"
_FACE = re.compile(r"url\(\./files/([\w.-]+\.woff2)\)[^}]*?unicode-range:\s*([^;]+);", re.DOTALL)


def font_faces(base: str, version: str) -> list[dict[str, Any]]:
    """Return the `font-faces` of a style; a client fetches only the files of characters that it shows.

    Parameters
    ----------
    base, version
        Full URL of the service, and the version in the path of the page's files.
    """
    folder = f"{base}/ui/{version}/vendor/noto-sans-sc/files"
    return [{"url": f"{folder}/{file}", "unicode-range": list(ranges)} for file, ranges in _files()]


@cache
def _files() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return file names and their ranges; empty when the font is not installed: clients then use their own font."""
    sheet = _SHEET.read_text(encoding="utf-8") if _SHEET.is_file() else ""
    return tuple((file, tuple(part.strip() for part in ranges.split(","))) for file, ranges in _FACE.findall(sheet))
