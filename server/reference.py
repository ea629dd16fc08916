"""The reference pages of settings and commands, generated from the code: ``python -m server.reference``.

A test compares the pages with the output of this module, so that they are never outdated.
"""

from __future__ import annotations

import re
from operator import itemgetter
from pathlib import Path
from typing import Any

import typer

from server import cli
from server.installation import PROJECT
from server.settings import CONFIG_FILE, environment_names

FOLDER = PROJECT / "docs" / "reference"
_KEY = re.compile(r"(?:# )?(?P<name>[a-z_]+) = (?P<value>.+)")
_HEAD = "<!-- written by python -m server.reference -->\n\n"


def settings_page() -> str:
    """Return the page of all settings: each with its comment in `config/onemap.toml` and its environment variable."""
    variables = {path: name for name, path in environment_names().items()}
    lines = [
        f"{_HEAD}# 设置 Settings\n",
        "命令行 > 环境变量 > `config/onemap.toml` > 默认值。",
        "Command line > environment > `config/onemap.toml` > default.\n",
        "| setting | default | environment | |",
        "|---|---|---|---|",
    ]
    for path, default, text in _documented_settings():
        lines.append(f"| `{'.'.join(path)}` | `{default}` | `{variables[path]}` | {text} |")
    return "\n".join(lines) + "\n"


def _documented_settings() -> list[tuple[tuple[str, ...], str, str]]:
    """Return path, default and comment of every setting, in the order of the file."""
    found: list[tuple[tuple[str, ...], str, str]] = []
    section: tuple[str, ...] = ()
    comments: list[str] = []
    for line in CONFIG_FILE.read_text(encoding="utf-8").splitlines():
        key = _KEY.fullmatch(line)
        if line.startswith("["):
            section, comments = (line.strip("[]"),), []
        elif key:
            default = "–" if line.startswith("#") else key["value"]
            found.append(((*section, key["name"]), default, " ".join(comments)))
        elif line.startswith("# "):
            used = bool(found) and found[-1][2] == " ".join(comments)  # a comment belongs to all settings below it
            comments = [line[2:]] if used else [*comments, line[2:]]
        else:
            comments = []
    return found


def commands_page() -> str:
    """Return the page of all commands and their options."""
    parts = [f"{_HEAD}# 命令 Commands\n"]
    parts += [
        _command(" ".join(name), command) for name, command in sorted(_leaves(cli.command(), ()), key=itemgetter(0))
    ]
    return "\n".join(parts)


def _leaves(group: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    commands = getattr(group, "commands", None)
    if commands is None:
        return [(path, group)]
    alone = [(path, group)] if path and group.invoke_without_command else []
    return [*alone, *(leaf for name, command in commands.items() for leaf in _leaves(command, (*path, name)))]


def _command(name: str, command: Any) -> str:
    lines = [f"## `./onemap {name}`\n", f"{(command.help or '').strip()}\n"]
    parameters = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    if parameters:
        lines += ["| | |", "|---|---|"]
        lines += [f"| `{_spelling(p)}` | {(getattr(p, 'help', None) or '').strip()} |" for p in parameters]
    return "\n".join(lines) + "\n"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.name.upper()}"


def main() -> None:
    """Write both pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in (("settings.md", settings_page()), ("commands.md", commands_page())):
        Path(FOLDER / name).write_text(text, encoding="utf-8")
        typer.echo(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
