"""What several commands share: options, their settings, and how a group of commands is added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def add_group(
    app: typer.Typer, name: str, words: str, commands: Mapping[str, Callable[..., Any] | typer.Typer]
) -> None:
    """Add a group of commands, and of further groups, by their names; alone it prints what there is.

    Parameters
    ----------
    words
        What the group is about, in both languages.
    """
    group = typer.Typer(help=words, no_args_is_help=True)
    for called, command in commands.items():
        if isinstance(command, typer.Typer):
            group.add_typer(command, name=called)
        else:
            group.command(name=called)(command)
    app.add_typer(group, name=name)


def settings_of(home: Path | None, config: Path | None, **overrides: Any) -> Settings:
    """Return the settings of a command; a relative `--home` is relative to the working directory."""
    return load_settings(config, home=home.absolute() if home else None, **overrides)
