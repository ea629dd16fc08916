"""The page about streams works as printed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from server.installation import PROJECT
from tests.twin.change_log import prepare
from twin.outlets.definition import read_outlet

pytestmark = pytest.mark.anyio
PAGE = (PROJECT / "docs" / "guide" / "streams.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def run(program):
    """Run a program of the page to its end; return its output."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def hear(command):
    """Run a command of the page until its stream has begun; return its output."""
    patient = command.replace("timeout 10 curl", "exec timeout 100 curl -sS").replace(" || true", "")
    with subprocess.Popen(["bash", "-c", patient], stdout=subprocess.PIPE, text=True) as process:
        received = ""
        for line in process.stdout:
            received += line
            if line.startswith("event: ready"):
                break
        process.terminate()
    return received


async def test_the_programs_of_the_page_work_as_printed(layers_url, live_server):
    await prepare(layers_url)
    host = live_server(layers_url).removeprefix("http://")
    (program,) = blocks("python")
    assert run(program.replace("127.0.0.1:8000", host)).count("ready") == 2
    streams = [block.replace("127.0.0.1:8000", host) for block in blocks("sh") if "curl -N" in block]
    assert len(streams) == 2
    for block in streams:
        received = hear(block)
        assert "event: ready" in received
        assert ("event: snapshot" in received) is ("snapshot" in block)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_outlets_of_the_page_are_outlets(text, tmp_path):
    path = tmp_path / f"{yaml.safe_load(text)['name']}.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_outlet(path).enabled
