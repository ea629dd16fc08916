"""What people do other than to read leaves a record: every action of the audit has its place in the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from layers.audit.note import keeps_audit
from layers.audit.record import AuditAction
from layers.database.connection import Role, connect
from server.recovery.recorded import record_recovery
from tests.databases import run_async

PROJECT = Path(__file__).parents[3]
RECORDED_BY = {
    AuditAction.LOGIN: {"server/routes/identity/session.py", "server/routes/identity/login.py"},
    AuditAction.LOGOUT: {"server/routes/identity/session.py"},
    AuditAction.USER_CHANGE: {"server/commands/user.py"},
    AuditAction.TOKEN_CHANGE: {"server/commands/token.py"},
    AuditAction.POLICY_CHANGE: {"server/audit/policy_changes.py"},
    AuditAction.BREAK_GLASS: {"server/routes/identity/elevations.py"},
    AuditAction.APPROVAL: {"server/routes/identity/approvals.py", "server/commands/approval.py"},
    AuditAction.REFERENCE: {"server/routes/identity/references.py"},
    AuditAction.EXPORT: {"server/exports/exports.py", "server/items/answer.py"},
    AuditAction.PURGE: {"server/commands/purge.py"},
    AuditAction.ERASE: {"server/commands/purge.py"},
    AuditAction.DISPATCH: {"server/routes/situation/notes.py"},
    AuditAction.BACKUP: {"server/recovery/recorded.py"},
    AuditAction.ANCHOR: {"server/audit/anchoring.py"},
    AuditAction.RETENTION: {"twin/jobs/housekeeping.py"},
    AuditAction.ADMIN: {"server/commands/audit.py", "server/routes/audit.py"},
}
OF_REQUESTS = {
    AuditAction.READ, AuditAction.SEARCH, AuditAction.WRITE, AuditAction.STREAM, AuditAction.REPLAY,
}  # fmt: skip
"""Recorded for every request: test_requests.py and the tests of streams."""
NOT_YET = {AuditAction.SIMULATE}
"""Nothing simulates yet."""


def names_in(path: str) -> set[str]:
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "AuditAction"
    }


def test_every_action_is_listed():
    assert {*RECORDED_BY, *OF_REQUESTS, *NOT_YET} == set(AuditAction)


@pytest.mark.parametrize(("action", "files"), RECORDED_BY.items(), ids=[action.value for action in RECORDED_BY])
def test_an_action_is_recorded_where_it_is_done(action, files):
    assert [path for path in files if action.name not in names_in(path)] == []


@pytest.mark.parametrize(
    ("module", "operation"),
    [("server/recovery/backup.py", "backup"), ("server/recovery/upgrade.py", "upgrade"),
     ("server/commands/backup.py", "restore")],
)  # fmt: skip
def test_backups_upgrades_and_restores_are_recorded(module, operation):
    assert f'"{operation}"' in (PROJECT / module).read_text(encoding="utf-8")
    calls = [
        node
        for node in ast.walk(ast.parse((PROJECT / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record_recovery"
    ]
    assert [call.args[1].value for call in calls] == [operation]


def test_a_restore_is_recorded_in_what_was_restored_and_an_old_database_needs_no_audit(database_url, cluster):
    run_async(record_recovery(database_url, "restore", backup="20261130T000000Z"))

    async def read():
        connection = await connect(database_url, Role.AUDITOR)
        try:
            return await connection.fetchval("SELECT body FROM audit.record WHERE body::json->>'action' = 'backup'")
        finally:
            await connection.close()

    assert "20261130T000000Z" in run_async(read())
    assert not run_async(keeps_audit(cluster))
    run_async(record_recovery(cluster, "backup"))
