from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import new_database_folder


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for the databases of a benchmark."""
    folder = new_database_folder("onemap-bench-")
    yield folder
    shutil.rmtree(folder)
