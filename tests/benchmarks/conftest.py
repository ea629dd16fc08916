from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for the databases of a benchmark."""
    folder = Path(tempfile.mkdtemp(prefix="onemap-bench-"))
    folder.chmod(0o711)  # the database's account passes through
    yield folder
    shutil.rmtree(folder)
