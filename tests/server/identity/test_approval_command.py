"""`./onemap approval`: given by a security administrator, to another person, and recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from layers.database.connection import Role, connect
from layers.errors import BadInput, Forbidden, NotFound
from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password
from server.commands import approval
from tests.databases import run_async
from tests.server.identity.conftest import in_database

PASSWORD = "Tianhe-Map-2026"
WANTED = {"--for": "chen", "--by": "zhou", "--layers": "events,grids", "--purpose": "年度统计", "--until": "2099-01-01"}


@pytest.fixture
def onemap(layers_url, tmp_path, monkeypatch):
    """Type a command with a password; return what it prints."""
    hashed = hash_password(PASSWORD)

    async def make(connection):
        await add_account(connection, "zhou", IdentityLabels(("security_admin",)), password_hash=hashed)
        await add_account(connection, "wang", IdentityLabels(("leader",), (), (), 3), password_hash=hashed)

    in_database(layers_url, make)
    monkeypatch.setenv("ONEMAP_DATABASE_URL", layers_url)
    monkeypatch.setenv("ONEMAP_HOME", str(tmp_path))
    app = typer.Typer()
    approval.register(app)

    def run(*words, password=PASSWORD):
        done = CliRunner().invoke(app, ["approval", *words], input=f"{password}\n")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return run


def wanted(**changed):
    given = WANTED | {f"--{name.rstrip('_')}": value for name, value in changed.items()}
    return ["add", *(word for pair in given.items() for word in pair)]


def test_an_approval_is_given_listed_revoked_and_recorded(onemap, layers_url):
    soon = next_year()
    number = onemap(*wanted(until=soon)).strip().splitlines()[-1]
    assert number.endswith("-0001")
    second = onemap(*wanted(until=soon, layers="*")).strip().splitlines()[-1]
    assert second.endswith("-0002")
    listed = onemap("list")
    assert number in listed
    assert "account:chen" in listed
    assert "account:zhou" in listed
    onemap("revoke", number)
    with pytest.raises(NotFound):
        onemap("revoke", number)

    async def read():
        connection = await connect(layers_url, Role.AUDITOR)
        try:
            found = await connection.fetch("SELECT body FROM audit.record WHERE body::json->>'action' = 'approval'")
            return [row["body"] for row in found]
        finally:
            await connection.close()

    recorded = run_async(read())
    assert len([body for body in recorded if "account:chen" in body]) == 2
    assert [body for body in recorded if number in body and "revoke" in body]


def test_nobody_approves_without_the_role_the_password_or_another_person(onemap):
    soon = next_year()
    for changed, password in (({}, "Wrong-Password-1"), ({"by": "wang"}, PASSWORD), ({"by": "nobody"}, PASSWORD)):
        with pytest.raises(Forbidden, match="security_admin"):
            onemap(*wanted(until=soon, **changed), password=password)
    with pytest.raises(Forbidden, match="of his own"):
        onemap(*wanted(until=soon, for_="zhou"))
    for changed in ({"until": "2099-01-01"}, {"until": "soon"}, {"layers": "nowhere"}, {"purpose": "x"}):
        with pytest.raises(BadInput):
            onemap(*wanted(**({"until": soon} | changed)))
    assert "account:chen" not in onemap("list")


def next_year():
    return (datetime.now(UTC) + timedelta(days=200)).date().isoformat()
