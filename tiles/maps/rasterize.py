"""SVG as pixels: by resvg, in a process of its own.

The renderer is native code and holds Python's lock while it draws. In its own process it blocks no other work, and
can be killed when it takes too long.
"""

from __future__ import annotations

import subprocess
import sys

from layers.errors import TooMuch, Unavailable

SECONDS_MAX = 20
MEMORY_MAX = 2 << 30
_PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
import resvg_py
svg = sys.stdin.buffer.read().decode()
sys.stdout.buffer.write(bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts="<text" not in svg)))
"""


def rasterize(svg: str, seconds: float = SECONDS_MAX) -> bytes:
    """Return an SVG as a PNG with transparency; waits for the renderer, so call it in a thread.

    Raises
    ------
    TooMuch
        When it takes too long.
    Unavailable
        When the renderer fails.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, str(MEMORY_MAX)]
    try:
        done = subprocess.run(  # noqa: S603  # our own program
            command, input=svg.encode(), capture_output=True, check=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise TooMuch(
            "there is too much on this map to be drawn in time; come nearer, or ask for fewer layers"
        ) from error
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"the map could not be drawn: {error.stderr.decode(errors='replace')[-300:]}") from error
    return done.stdout
