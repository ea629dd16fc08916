"""Documents of a provider: JSON from a file or an address that the settings name, within limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import orjson

from layers.errors import Unavailable

BYTES_MAX = 512 * 1024
WAIT_S = 5.0


def make_client() -> httpx.AsyncClient:
    """Return the client of all providers; it follows no redirects, so that it goes only where it was sent."""
    timeout = httpx.Timeout(WAIT_S, connect=WAIT_S)
    return httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=True)


async def read_json(client: httpx.AsyncClient, address: str, bearer: str | None = None) -> dict[str, Any]:
    """Return the JSON object at an address or in a file.

    Parameters
    ----------
    bearer
        An access token to show there.

    Raises
    ------
    Unavailable
        When it cannot be had or is none; the message is for the log, it names the address.
    """
    try:
        async with asyncio.timeout(WAIT_S):  # a provider that drips is slow too
            content = await _fetched(client, address, bearer) if "://" in address else _of_file(Path(address))
        found = orjson.loads(content)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unavailable(f"{address} cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(found, dict):
        raise Unavailable(f"{address} is no JSON object")
    return found


async def post_form(
    client: httpx.AsyncClient, address: str, form: dict[str, str], auth: tuple[str, str] | None
) -> tuple[int, dict[str, Any]]:
    """Send a form to an address and return the status with the JSON object of the answer.

    Raises
    ------
    Unavailable
        When the provider does not answer, answers with its own fault (5xx), or with something else than JSON.
    """
    try:
        request = client.build_request("POST", address, data=form, headers={"Accept": "application/json"})
        basic = httpx.BasicAuth(*map(quote_plus, auth)) if auth else None  # RFC 6749, 2.3.1: both parts are encoded
        async with asyncio.timeout(WAIT_S):
            answer = await client.send(request, auth=basic, stream=True)
            try:
                content = await _limited(answer)
            finally:
                await answer.aclose()
        found = orjson.loads(content)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise Unavailable(f"{address} does not answer: {type(error).__name__}: {error}") from error
    if answer.is_server_error or not isinstance(found, dict):
        raise Unavailable(f"{address} answers {answer.status_code}")
    return answer.status_code, found


async def _fetched(client: httpx.AsyncClient, address: str, bearer: str | None) -> bytes:
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    async with client.stream("GET", address, headers=headers) as answer:
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"the answer is {answer.status_code}")
        return await _limited(answer)


async def _limited(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > BYTES_MAX:
            raise ValueError(f"the answer is larger than {BYTES_MAX} bytes")
    return bytes(content)


def _of_file(path: Path) -> bytes:
    if path.stat().st_size > BYTES_MAX:
        raise ValueError(f"the file is larger than {BYTES_MAX} bytes")
    return path.read_bytes()
