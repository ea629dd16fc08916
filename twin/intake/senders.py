"""The feeds there are, and which of them may send: pushed to us, or fetched by a connector."""

from __future__ import annotations

from layers.errors import Forbidden, NotFound
from twin.feeds.definition import FeedDefinition, Registry


class Senders:
    """Follows the folder of the feeds' definitions.

    Parameters
    ----------
    is_local
        Whether this machine alone reaches us. Otherwise a feed without a secret may not be pushed to.
    """

    def __init__(self, registry: Registry, *, is_local: bool) -> None:
        self._is_local = is_local
        self.registry = registry

    def refresh(self) -> None:
        """Read the definitions that changed."""
        self.registry = self.registry.renewed()

    def pushed(self, name: str, *, proven: bool = False) -> FeedDefinition:
        """Return the definition of a feed that may be pushed to.

        Parameters
        ----------
        proven
            Whether the sender has shown a token of the feed.

        Raises
        ------
        NotFound
            When there is none, it is switched off, or a connector fetches it.
        Forbidden
            When it has no secret, the network reaches us, and the sender has no token of it.
        """
        definition = self.registry.by_name.get(name)
        if definition is None or not definition.enabled or not definition.is_pushed:
            raise NotFound(f"there is no feed '{name[:80]}' to push to", parameter="name")
        if definition.secret is None and not self._is_local and not proven:
            why = f"'{name}' has no secret, and the network reaches this server: nobody may push to it without a token"
            raise Forbidden(f"{why}; name a secret in its file, and make it with ./onemap feed secret")
        return definition

    def fetched(self, name: str) -> FeedDefinition:
        """Return the definition of a feed whose deliveries a connector hands in.

        Raises
        ------
        NotFound
            When there is none, or it is switched off.
        """
        definition = self.registry.by_name.get(name)
        if definition is None or not definition.enabled:
            raise NotFound(f"there is no feed '{name[:80]}', or it is switched off", parameter="name")
        return definition
