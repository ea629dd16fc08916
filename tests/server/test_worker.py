"""A web worker that cannot start says why in a line, not in a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from server.installation import PROJECT
from server.settings import load_settings

DEADLINE_S = 120


def test_a_worker_without_its_database_says_so_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, without a listener
        url = f"postgresql://onemap@127.0.0.1:{nobody.getsockname()[1]}/onemap"
        settings = load_settings(home=tmp_path, database={"url": url})
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "server.processes.worker", str(listening.fileno())],
            input=settings.model_dump_json() + "\n",
            pass_fds=[listening.fileno()],
            cwd="/",
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
    said = ended.stdout + ended.stderr
    assert "the web worker cannot start: " in said
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 2, said
