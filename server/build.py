"""The identity of the code: answers that an older build cached must not be used."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from server.installation import CODE, release

_PACKAGES = ("layers", "twin", "tiles", "server")


@lru_cache(maxsize=1)
def build_id() -> str:
    """Return the version with a fingerprint of the source files, for example ``0.1.0+3f9a0c1d``."""
    number = release()
    digest = blake2b(digest_size=4)
    for package in _PACKAGES:
        for path in sorted((CODE / package).rglob("*")):
            if path.suffix in {".py", ".sql", ".yaml"}:
                digest.update(path.read_bytes())
    return f"{number}+{digest.hexdigest()}"
