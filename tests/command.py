"""Commands as a person types them, each in a process of its own.

A process that has imported the command line is forked for each command; starting Python anew costs two seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from server.installation import PROJECT

_FORKING = Path(__file__).with_name("forking.py")


def run_command(
    *words: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``onemap WORDS…`` without a terminal; return the finished process.

    Parameters
    ----------
    environment
        Variables beside those of this process.
    folder
        The working directory; None for that of this process.
    """
    with tempfile.TemporaryDirectory(prefix="onemap-command-") as said:
        streams = [Path(said) / name for name in ("stdout", "stderr")]
        given = {**os.environ, **(environment or {})}
        asked = {"words": words, "environment": given, "folder": str(folder or Path.cwd()), "streams": streams}
        process = _forking()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked, default=str) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        stdout, stderr = (stream.read_text(encoding="utf-8") for stream in streams)
        return subprocess.CompletedProcess(list(words), code, stdout, stderr)


@cache
def _forking() -> subprocess.Popen[str]:
    """Return the process that is forked; it ends with this one."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-P", str(_FORKING)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
