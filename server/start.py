"""The command `onemap` of a wheel: the command line, or how to install what it needs."""

from __future__ import annotations

import sys

_NEEDS = "✗ 服务端未安装 the server is not installed (no package {}): install the extra onemap[server], or onemap[demo]"


def main() -> None:
    """Run the command line; where only the client is installed, say how the server is had, and exit with code 1."""
    try:
        from server.cli import main as run  # noqa: PLC0415  # its absence is what this tells
    except ModuleNotFoundError as error:
        sys.exit(_NEEDS.format(error.name))
    run()
