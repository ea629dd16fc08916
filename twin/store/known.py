"""Which features exist, of those that messages name: a message about a missing feature is not written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import asyncpg

from layers.catalog import Catalog
from twin.envelope.message import FeatureKey

_IDS_MAX = 500_000  # of a layer, in memory


class KnownFeatures:
    """The existing features that were asked for; missing ones are looked up again each time.

    Parameters
    ----------
    pool
        Connections in a role that reads the layers.
    catalog
        Returns the current catalogue: a layer whose table changed is read anew.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog]) -> None:
        self._pool, self._catalog = pool, catalog
        self._ids: dict[str, set[str]] = {}
        self._versions: dict[str, int] = {}

    async def absent(self, subjects: Iterable[FeatureKey]) -> set[FeatureKey]:
        """Return the features that do not exist."""
        catalog, ids = self._catalog(), defaultdict[str, set[str]](set)
        for layer_id, feature_id in subjects:
            ids[layer_id].add(feature_id)
        absent = set[FeatureKey]()
        for layer_id, wanted in ids.items():
            known = self._known(catalog, layer_id)
            missing = wanted - known
            if missing and layer_id in catalog:
                found = await self._pool.fetch(
                    f"SELECT id FROM {catalog[layer_id].table} WHERE id = ANY ($1::text[])", list(missing)
                )
                known |= {row[0] for row in found}
                missing -= known
            absent |= {(layer_id, one) for one in missing}
        return absent

    def _known(self, catalog: Catalog, layer_id: str) -> set[str]:
        """Return the known ids of a layer; none once its table has changed, because a feature may be gone."""
        version = catalog[layer_id].version if layer_id in catalog else 0
        known = self._ids.get(layer_id)
        if known is None or self._versions[layer_id] != version or len(known) > _IDS_MAX:
            known = self._ids[layer_id] = set()
            self._versions[layer_id] = version
        return known
