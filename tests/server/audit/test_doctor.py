"""The doctor tells when the audit is off, not forwarded, or not anchored."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.audit.anchoring import anchors_file
from server.doctor.audit import examine_audit
from server.doctor.machine import FindingState
from server.settings import load_settings


def states(home: Path, **audit: object) -> list[FindingState]:
    found = examine_audit(load_settings(home=home, audit=audit), datetime.now(UTC))
    return [finding.state for finding in found]


def test_what_is_wrong_with_the_audit(tmp_path: Path):
    server = "tls://log.example:6514"
    assert states(tmp_path, enabled=False) == [FindingState.WRONG]
    assert states(tmp_path) == [FindingState.WARNING, FindingState.WARNING]
    file = anchors_file(tmp_path)
    file.parent.mkdir()
    file.write_text("")
    assert states(tmp_path, syslog=server) == [FindingState.WELL]
    old = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(file, (old, old))
    assert states(tmp_path, syslog=server) == [FindingState.WARNING]
