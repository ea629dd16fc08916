"""What a running service of this home says of its health, to the commands of its own operator."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import Any

from server.identity.operator_token import read_operator_token
from server.settings import Settings
from server.wire.certificate import trust_of

_PATIENCE_SECONDS = 10


def read_health(address: str, settings: Settings) -> dict[str, Any]:
    """Return the body of `/health`; with the operator's token of the home, if there is one, it has the counts too.

    Raises
    ------
    urllib.error.HTTPError
        When the service is not healthy.
    OSError
        When nothing answers there.
    ValueError
        When the answer is no JSON object.
    """
    token = read_operator_token(settings.home)
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{address}/health", headers=sent)  # noqa: S310  # our own address
    with opener_of(settings).open(request, timeout=_PATIENCE_SECONDS) as response:
        return dict(json.load(response))


def opener_of(settings: Settings) -> urllib.request.OpenerDirector:
    """Return an opener for the service of these settings; it uses no proxy of the environment."""
    trust = trust_of(settings.server.tls_certificate)
    context = trust if isinstance(trust, ssl.SSLContext) else None
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
