"""The rights that a stream was made under: where others hold now, it ends, and who resumes begins anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from layers.actor import Actor
from layers.catalog import Catalog
from layers.layer_rights import rights_of

_BYTES = 8


@dataclass(frozen=True)
class RightsMark:
    """What decides what an actor sees of some layers.

    Attributes
    ----------
    audience
        Of the actor.
    layers
        By id, the digest of what the actor may see of it; empty for nothing.
    """

    audience: str
    layers: Mapping[str, str]

    @classmethod
    def of(cls, actor: Actor, catalog: Catalog, layers: Collection[str] = ()) -> RightsMark:
        """Return the mark of an actor on layers, all of them when none is named."""
        known = {name: catalog[name] for name in layers or catalog if name in catalog}
        return cls(actor.audience, {name: rights_of(one.definition, actor).digest for name, one in known.items()})

    def agrees_with(self, other: RightsMark) -> bool:
        """Whether both are of the same rights; a layer that only one of them knows makes no difference."""
        return self.audience == other.audience and all(
            other.layers.get(name, digest) == digest for name, digest in self.layers.items()
        )

    @cached_property
    def shown(self) -> frozenset[str]:
        """Ids of the layers of which the actor may see something."""
        return frozenset(name for name, digest in self.layers.items() if digest)

    @cached_property
    def text(self) -> str:
        """The mark as 16 hexadecimal digits, the same in every process; it tells nothing of layers that are hidden."""
        shown = [(name, self.layers[name]) for name in sorted(self.shown)]
        return blake2b(repr((self.audience, shown)).encode(), digest_size=_BYTES).hexdigest()
