"""Options that several commands share, and their settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from server.settings import Settings, load_settings

HomeOption = Annotated[
    Path | None, typer.Option(help="数据目录。 Folder of the private database (default .onemap).", show_default=False)
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="设置文件。 Settings file (default config/onemap.toml).", show_default=False)
]


def settings_of(home: Path | None, config: Path | None, **overrides: Any) -> Settings:
    """Return the settings of a command; a relative `--home` is relative to the working directory."""
    return load_settings(config, home=home.absolute() if home else None, **overrides)
