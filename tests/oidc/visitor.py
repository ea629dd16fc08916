"""A person at the provider, without a browser: fills its login form and returns where it sends the browser then."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import httpx

_FORM = re.compile(r'<form[^>]*action="([^"]+)"')
_REDIRECT = range(300, 400)


def log_in_at(provider_address: str, login: str, redirect_uri: str) -> str:
    """Log in at the provider and return the address of ours that it redirects to, which is not fetched.

    Parameters
    ----------
    provider_address
        Where our server sent the browser.
    login
        The account; any password does.
    """
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.get(provider_address)
        for _ in range(8):
            if answer.status_code in _REDIRECT:
                place = str(answer.next_request.url) if answer.next_request else ""
                if place.startswith(redirect_uri):
                    return place
                answer = client.get(place)
            else:
                form = _FORM.search(answer.text)
                assert form is not None, answer.text
                answer = client.post(form[1], data={"prompt": "login", "login": login, "password": "any"})
    raise AssertionError("the provider does not send us back")


def parameters_of(address: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return dict(parse_qsl(urlsplit(address).query))
