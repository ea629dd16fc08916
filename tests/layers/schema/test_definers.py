"""Functions that run with the rights of their owner: each is closed to everybody but those who are named."""

from __future__ import annotations

import pytest

from layers.database.connection import connect

pytestmark = pytest.mark.anyio
CALLABLE = """
SELECT p.oid::regprocedure::text, p.proconfig FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname IN ('onemap', 'layer', 'twin', 'identity', 'audit')
    AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND {which}
ORDER BY 1
"""


async def test_none_that_acts_for_its_owner_is_everybodys(layers_url):
    owner = await connect(layers_url)
    try:
        open_to_all = await owner.fetch(CALLABLE.format(which="has_function_privilege('public', p.oid, 'EXECUTE')"))
        unpinned = await owner.fetch(
            CALLABLE.format(which="NOT coalesce(array_to_string(p.proconfig, ','), '') LIKE '%search_path=%'")
        )
    finally:
        await owner.close()
    assert [row[0] for row in open_to_all] == []
    assert [row[0] for row in unpinned] == [], "whoever calls could put a function of his own in front"
