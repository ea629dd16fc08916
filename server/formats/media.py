"""A representation of features, as requests and links name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A representation of features.

    Attributes
    ----------
    f
        Its value of the parameter `f`.
    type
        Its media type, with parameters.
    title
        The title of links to it.
    aliases
        Other values of `f` that choose it; no link names them.
    accepted
        Media types of an Accept header that choose it beside its own, in lower case.
    single
        Whether a single feature has it; every page has it.
    export
        Whether people take whole layers home in it: such a request is heavy work, and an open layer links to it.
    needs_geometry
        Whether a layer without geometries has none of it.
    shifts
        Whether it can come in a shifted datum, GCJ-02 or BD-09: not where programs would take it for another system.
    """

    f: str
    type: str
    title: str
    aliases: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    single: bool = True
    export: bool = False
    needs_geometry: bool = False
    shifts: bool = True

    @property
    def base_type(self) -> str:
        """The media type without parameters."""
        return self.type.partition(";")[0]
