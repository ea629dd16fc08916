"""A process that imports the command line once and forks for each command that it reads: a line of JSON each.

It answers with the exit code, negative for a signal. `tests/command.py` asks it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback
from typing import Any

from server import cli, commands

_SECONDS_MAX = 240


def serve() -> None:
    """Run commands, one after the other, until standard input ends."""
    for module in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"{commands.__name__}.{module.name}")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(_run(json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _run(asked: dict[str, Any]) -> int:
    signal.alarm(_SECONDS_MAX)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    for number, target in enumerate([os.devnull, *asked["streams"]]):
        opened = os.open(target, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["onemap", *asked["words"]]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException:  # noqa: BLE001  # as Python itself would end
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve()
