"""Files of the page: our own, and an allow-list of third-party files, under one path that names their version.

A browser loads every file from here; no page refers to another host. The path holds a digest of all files, so that a
browser may keep them for ever and still receives new files after an upgrade.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os.path
import re
from dataclasses import dataclass, field
from pathlib import Path

from layers.errors import NotFound, Unavailable

WEB = Path(__file__).parents[1] / "web"
MODULES = WEB / "node_modules"
ICONS = (MODULES / "@mapbox" / "maki" / "icons", MODULES / "@rapideditor" / "temaki" / "icons")
OWN = (
    "app/**/*.js",
    "vendor/preact.mjs",
    "css/*.css",
    "text/*.json",
    "images/*.svg",
    "pages/*.js",
    "account.js",
    "docs.js",
    "login.js",
    "offline.js",
    "ogc.js",
)
THIRD_PARTY = {
    "vendor/maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
    "vendor/maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
    "vendor/maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "vendor/preact/preact.mjs": "preact/dist/preact.mjs",
    "vendor/preact/hooks.mjs": "preact/hooks/dist/hooks.mjs",
    "vendor/preact/htm.mjs": "htm/dist/htm.mjs",
    "vendor/signals-core.mjs": "@preact/signals-core/dist/signals-core.mjs",
    "vendor/signals.mjs": "@preact/signals/dist/signals.mjs",
    "vendor/uplot.mjs": "uplot/dist/uPlot.esm.js",
    "vendor/uplot.css": "uplot/dist/uPlot.min.css",
    "vendor/terra-draw.mjs": "terra-draw/dist/terra-draw.module.js",
    "vendor/terra-draw-maplibre.mjs": "terra-draw-maplibre-gl-adapter/dist/terra-draw-maplibre-gl-adapter.module.js",
    "vendor/minisearch.mjs": "minisearch/dist/es/index.js",
    "vendor/idb.mjs": "idb/build/index.js",
    "vendor/eventsource-parser/*.js": "eventsource-parser/dist/*.js",
    "vendor/virtual-core/*.js": "@tanstack/virtual-core/dist/esm/*.js",
    "vendor/noto-sans-sc/files/*.woff2": "@fontsource-variable/noto-sans-sc/files/*.woff2",
    "vendor/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
    "vendor/swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
}
IMPORTED = {
    "preact": "vendor/preact/preact.mjs",
    "preact/hooks": "vendor/preact/hooks.mjs",
    "@preact/signals-core": "vendor/signals-core.mjs",
    "terra-draw": "vendor/terra-draw.mjs",
}
"""Packages that third-party modules import by bare names; a browser would need an inline import map for them."""
_MODE = b"process.env.NODE_ENV"  # asked by packages that are made for bundlers; a browser has no process
_BARE_IMPORT = re.compile(rb"""(\bfrom\s*["'])([\w@/-]+)(["'])""")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".json": "application/json"}
_COMPRESSED = {".js", ".mjs", ".css", ".json", ".svg"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: its bytes, their gzip form (None for files that are not compressed), its media type."""

    body: bytes
    zipped: bytes | None
    media_type: str


@dataclass(slots=True)
class Assets:
    """Files that may be served, by name below `/ui/{version}/`.

    Attributes
    ----------
    files
        Paths by name; no other file can be requested.
    version
        Digest of our own files and of the lock file that pins the third-party files.
    """

    files: dict[str, Path]
    version: str
    _read: dict[str, Asset] = field(default_factory=dict)

    def read(self, name: str) -> Asset:
        """Return a file; each is read once.

        Raises
        ------
        NotFound
            When no file has this name.
        Unavailable
            When it is a third-party file that is not installed.
        """
        if name not in self.files:
            if name in THIRD_PARTY:
                raise Unavailable(f"{name} is not installed; run `./onemap up`, or `npm ci` in server/web")
            raise NotFound(f"the page has no file '{name[:120]}'", parameter="path")
        if name not in self._read:
            self._read[name] = _load(name, self.files[name])
        return self._read[name]

    def page(self, name: str, **places: str) -> bytes:
        """Return an HTML file of ours with its placeholders filled in: ``{{ui}}``, the path of assets, and `places`."""
        text = (WEB / name).read_text(encoding="utf-8")
        for place, value in {"ui": f"ui/{self.version}", **places}.items():
            text = text.replace("{{" + place + "}}", value)
        return text.encode()


def find_assets() -> Assets:
    """Return the files that may be served, without third-party files that are not installed."""
    own = {path.relative_to(WEB).as_posix(): path for pattern in OWN for path in sorted(WEB.glob(pattern))}
    others: dict[str, Path] = {}
    for name, source in THIRD_PARTY.items():
        others |= {re.sub(r"[*][.]\w+\Z", path.name, name): path for path in sorted(MODULES.glob(source))}
    digest = hashlib.sha256((WEB / "package-lock.json").read_bytes())
    for name, path in own.items():
        digest.update(name.encode() + path.read_bytes())
    return Assets(own | others, digest.hexdigest()[:12])


def _load(name: str, path: Path) -> Asset:
    body = path.read_bytes()
    if name.startswith("vendor/") and path.suffix in {".js", ".mjs"}:
        body = _addressed(name, body)
    zipped = gzip.compress(body, 6, mtime=0) if path.suffix in _COMPRESSED else None
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, zipped, media_type)


def _addressed(name: str, module: bytes) -> bytes:
    """Return a third-party module as a browser reads it: with our addresses in the place of names of packages."""

    def addressed(found: re.Match[bytes]) -> bytes:
        target = IMPORTED.get(found[2].decode())
        if target is None:
            return found[0]
        address = os.path.relpath(target, Path(name).parent)
        return found[1] + (address if address.startswith(".") else f"./{address}").encode() + found[3]

    return _BARE_IMPORT.sub(addressed, module.replace(_MODE, b'"production"'))
