"""Which features there are, as far as messages have asked: so that no message is taken for one that is not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import asyncpg

from layers.catalog import Catalog
from twin.envelope.message import FeatureKey

_IDS_MAX = 500_000  # of a layer, in memory


class KnownFeatures:
    """The features of layers that were asked for and are there; what is not there is asked for again each time.

    Parameters
    ----------
    pool
        Connections in a role that reads the layers.
    catalog
        Returns the current catalogue: a layer whose table changed is asked anew.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog]) -> None:
        self._pool, self._catalog = pool, catalog
        self._ids: dict[str, set[str]] = {}
        self._versions: dict[str, int] = {}

    async def absent(self, subjects: Iterable[FeatureKey]) -> set[FeatureKey]:
        """Return those of some features that are not there."""
        catalog, asked = self._catalog(), defaultdict[str, set[str]](set)
        for layer_id, feature_id in subjects:
            asked[layer_id].add(feature_id)
        absent = set[FeatureKey]()
        for layer_id, wanted in asked.items():
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
        """Return what is known of a layer; nothing once its table has changed, for a feature may be gone."""
        version = catalog[layer_id].version if layer_id in catalog else 0
        known = self._ids.get(layer_id)
        if known is None or self._versions[layer_id] != version or len(known) > _IDS_MAX:
            known = self._ids[layer_id] = set()
            self._versions[layer_id] = version
        return known
