"""The certified provider of the tests, as a process; its store is in memory and its keys are its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from server.commands.test import find_node

HERE = Path(__file__).parent
AUDIENCE = "urn:onemap:test"
SERVICE = "service"  # a client that brings tokens of its own
CLIENT_ID, CLIENT_SECRET = "onemap-page", "only-for-the-provider-of-the-tests"
ANSWER_S = 60


class RunningProvider:
    """A provider that runs; its methods change how it behaves."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._client = httpx.Client(timeout=ANSWER_S, trust_env=False)

    def token(self, client: str = SERVICE) -> str:
        """Return an access token as the provider gives it to a client of ours for our audience."""
        form = {"grant_type": "client_credentials", "resource": AUDIENCE}
        answer = self._client.post(f"{self.issuer}/token", data=form, auth=(client, CLIENT_SECRET))
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["access_token"])

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return any claims, signed by the provider's newest key."""
        return str(self.control("sign", claims=claims, header=header)["token"])

    def control(self, what: str, **given: Any) -> dict[str, Any]:
        """Change the provider, or ask it: rotate, behave, requests, account, sign, jwks."""
        answer = self._client.post(f"{self.issuer}/control", json={"do": what, **given})
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    def key_requests(self) -> int:
        """Return how often its keys were fetched."""
        return int(self.control("requests").get("/jwks", 0))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def running_provider(
    accounts: Mapping[str, Any] | None = None, redirects: tuple[str, ...] = (), after_logout: tuple[str, ...] = ()
) -> Iterator[RunningProvider]:
    """Start the provider on a free port, and end it.

    Parameters
    ----------
    accounts
        Claims by login name; any password does.
    redirects, after_logout
        Addresses of ours that the client of the browser may be sent back to.
    """
    shared = {"client_secret": CLIENT_SECRET, "redirect_uris": [], "response_types": []}
    clients = [{"client_id": SERVICE, **shared, "grant_types": ["client_credentials"]}]
    if redirects:
        clients.append(
            {
                **shared,
                "client_id": CLIENT_ID,
                "redirect_uris": list(redirects),
                "response_types": ["code"],
                "grant_types": ["authorization_code", "refresh_token"],
                "post_logout_redirect_uris": list(after_logout),
            }
        )
    options = {"accounts": dict(accounts or {}), "clients": clients}
    command = [find_node(), str(HERE / "provider.mjs"), json.dumps(options)]
    with subprocess.Popen(  # our own program
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert issuer.startswith("http://127.0.0.1:"), "the provider did not start; run ./onemap test once"
        provider = RunningProvider(issuer)
        try:
            yield provider
        finally:
            provider.close()
            process.stdin.close()  # it ends with its input
            process.wait(ANSWER_S)
