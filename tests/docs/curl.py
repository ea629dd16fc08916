"""The shell blocks of a page that ask with curl, run as they are printed."""

from __future__ import annotations

import re
import subprocess

from server.installation import PROJECT
from tests.running_app import OPERATOR_TOKEN

PRINTED = "http://127.0.0.1:8000"


def blocks_of(page):
    """Return the shell blocks of a guide that ask with curl."""
    text = (PROJECT / "docs" / "guide" / f"{page}.md").read_text(encoding="utf-8")
    return [block for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL) if "curl" in block]


def answer_of(block, address, token=OPERATOR_TOKEN):
    """Run a block against an address, with `token` where it names `$TOKEN`; return its output."""
    command = block.replace(PRINTED, address).replace("curl ", "curl --fail-with-body --silent --show-error ")
    ran = subprocess.run(
        ["bash", "-euc", command],
        env={"TOKEN": token, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}"
    return ran.stdout
