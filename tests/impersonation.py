"""Callers of tests: the application believes whoever a header names."""

from __future__ import annotations

from server.identity.auth import Authenticator
from server.identity.identity import Identity
from server.identity.subject import AuthMethod, Subject

ACTOR_HEADER = "x-test-actor"


class Impersonation(Authenticator):
    """Takes the actor from a header; without it, there is nobody."""

    def __init__(self, actors) -> None:
        super().__init__()
        self._actors = actors

    async def authenticate(self, scope, address, cookie=lambda: None):
        names = [value.decode() for name, value in scope["headers"] if name == ACTOR_HEADER.encode()]
        if not names:
            return await super().authenticate(scope, address, cookie)
        actor = self._actors[names[0]]
        subject = Subject(actor.subject, names[0], actor.roles, actor.area_prefixes, method=AuthMethod.TOKEN)
        return Identity(subject, actor)
