"""All feeds of a folder."""

from __future__ import annotations

from pathlib import Path

from twin.feeds.definition import FeedDefinition, read_feed
from twin.folder import Folder

type Registry = Folder[FeedDefinition]


def read_registry(folder: Path) -> Registry:
    """Read the feeds of a folder; `renewed` reads again what has changed."""
    return Folder(folder, read_feed).renewed()
