"""The representations that pygeoapi writes, behind the fast path."""

from __future__ import annotations

from server.formats.media import Media

HTML = Media(f="html", type="text/html", title="HTML", accepted=("text/*",), shifts=False)
JSONLD = Media(f="jsonld", type="application/ld+json", title="JSON-LD", shifts=False)
