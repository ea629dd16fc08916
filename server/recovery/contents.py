"""What of an installation is in a backup beside its database, and what is left out on purpose."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from layers.cluster.place import find_place
from server.installation import PROJECT
from server.settings import CONFIG_FILE, Settings

HOME, CONFIG = "home", "config"
RESTORED_CONFIG = "config-of-backup"
_RUNNING = ("address", "cluster.json", "lock", "starting", "storm.lock", "users")
_CACHES = ("tiles",)
LEFT_OUT = (
    "瓦片缓存 tiles: a cache, drawn anew",
    "日志 postgres/log: the messages of PostgreSQL",
    "运行状态 " + ", ".join(_RUNNING) + ": about running processes",
    "程序 the program itself: its version is in the manifest",
)


def sources(settings: Settings, config: Path | None = None) -> dict[str, Path]:
    """Return files and folders by the name that they have in a backup.

    A folder of the settings that is not in the project's `config` gets a name of its own, ``config-feeds`` for example.

    Parameters
    ----------
    config
        The settings file, where it is another one.
    """
    ours = PROJECT / "config"
    found = {HOME: settings.home, CONFIG: ours}
    for name in type(settings).model_fields:
        section = getattr(settings, name)
        folder = getattr(section, "folder", None) if isinstance(section, BaseModel) and name != "backup" else None
        if isinstance(folder, Path) and not folder.is_relative_to(ours):
            found[f"{CONFIG}-{name}"] = folder
    if config is not None and config != CONFIG_FILE:
        found[f"{CONFIG}-file/{config.name}"] = config
    return found


def excluded(settings: Settings) -> list[Path]:
    """Return what is not backed up as files: the database, caches, and what running processes say."""
    names = (*_CACHES, *_RUNNING, RESTORED_CONFIG, "postgres")
    place = find_place(settings.home)
    return [*(settings.home / name for name in names), *([place.folder] if place else [])]
