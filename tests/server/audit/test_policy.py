"""A policy that comes into force is recorded by every worker, with its digest."""

from __future__ import annotations

import shutil
from pathlib import Path

from layers.policy.holder import PolicyHolder
from server.audit.policy_changes import record_policies
from server.installation import PROJECT
from tests.ogc.service import Service
from tests.server.audit.conftest import Records


def test_each_policy_in_force_is_recorded(service: Service, records: Records, tmp_path: Path):
    folder = tmp_path / "policy"
    shutil.copytree(PROJECT / "config" / "policy", folder)
    holder = PolicyHolder(folder)
    audit = service.app.state.shared.audit

    async def change() -> None:
        record_policies(audit, holder)
        roles = folder / "roles.yaml"
        roles.write_text(roles.read_text(encoding="utf-8").replace("Street dispatcher", "Dispatcher"), encoding="utf-8")
        assert holder.renew()
        for notice in holder.on_change:
            notice()

    before = holder.policy.digest
    service.run(change())
    found = [(r["action"], r["chain"], r["detail"]["digest"]) for r in records()]
    assert found == [
        ("policy_change", "sensitive", before),
        ("policy_change", "sensitive", holder.policy.digest),
    ]
    assert before != holder.policy.digest
