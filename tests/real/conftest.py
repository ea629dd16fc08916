"""Tests that need real files run when ``--real FOLDER`` names them; nobody's clone has them beside it."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def real(request):
    """The folder of the real files."""
    folder = request.config.getoption("--real")
    assert folder is not None, "name the folder of the real files: --real FOLDER"
    assert folder.is_dir(), f"the real files are not in {folder}"
    return folder.resolve()
