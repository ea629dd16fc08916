"""The job that keeps the views of those who read in SQL in step with the policy and the layers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from layers.catalog import Catalog
from layers.database.connection import Role, connect
from layers.policy.policy import Policy
from server.identity.sql_readers import refresh_views

_LOOK_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class SqlReadersJob:
    """Makes views anew, within a second or two, when rights or layers have changed.

    Parameters
    ----------
    url
        The database.
    catalog, policy
        Return the current catalogue and the policy in force.
    """

    name = "SQL readers"

    def __init__(self, url: str, catalog: Callable[[], Catalog], policy: Callable[[], Policy | None]) -> None:
        self._url, self._catalog, self._policy = url, catalog, policy

    async def run(self) -> None:
        """Look every second, until cancelled; without readers it asks one small table."""
        connection = await connect(self._url, Role.OWNER)
        try:
            while True:
                made = await refresh_views(connection, self._catalog(), self._policy())
                if made:
                    _log.info("views of SQL readers follow the policy and the layers", readers=sorted(made))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await connection.close()
