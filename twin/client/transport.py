"""Requests of the client: the token, waiting when the server is busy, and answers that are kept while they hold."""

from __future__ import annotations

import os
import time
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from twin.client.errors import NotAvailable, error_of, retry_after_s

URL_VARIABLE = "ONEMAP_URL"
TOKEN_VARIABLE = "ONEMAP_TOKEN"  # noqa: S105  # the name of a variable
_TRIES = 4
_WAIT_S_MAX = 30.0
_KEPT_BYTES = 128 * 1024 * 1024
_KEPT_BYTES_ONE = 32 * 1024 * 1024
_READ_S = 120.0  # a large export begins after its statement has run

Parameters = Mapping[str, Any]


class Transport:
    """A connection to one server.

    Parameters
    ----------
    url
        The server's address; None takes ``ONEMAP_URL``, else ``http://127.0.0.1:8000``.
    token
        None takes ``ONEMAP_TOKEN``; without one the caller is the public.

    Raises
    ------
    ValueError
        When the address is none.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self.url = (url or os.environ.get(URL_VARIABLE) or "http://127.0.0.1:8000").rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"the address is {self.url!r}; it begins with http:// or https://")
        self.token = token if token is not None else os.environ.get(TOKEN_VARIABLE) or None
        self._client = httpx.Client(base_url=self.url, headers=self.headers(), timeout=httpx.Timeout(10, read=_READ_S))
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        agent = {"User-Agent": "onemap-client"}
        return agent | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    def json(self, path: str, parameters: Parameters | None = None) -> Any:
        """Return a document.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        response = self.get(path, parameters)
        return response.json()

    def get(self, path: str, parameters: Parameters | None = None) -> httpx.Response:
        """Return an answer with its body; one that was kept when its entity tag still holds.

        Raises
        ------
        TwinError
            When the server refuses, or is away after a few tries.
        """
        request = self._client.build_request("GET", path, params=texts(parameters))
        kept = self._kept.get(str(request.url))
        if kept is not None:
            request.headers["If-None-Match"] = kept[0]
        response = self._send(request)
        if response.status_code == httpx.codes.NOT_MODIFIED and kept is not None:
            self._kept.move_to_end(str(request.url))
            headers = [(name, value) for name, value in response.headers.items() if name != "content-length"]
            return httpx.Response(httpx.codes.OK, headers=headers, content=kept[1], request=request)
        self._keep(str(request.url), response)
        return response

    def post(self, path: str, document: Any, parameters: Parameters | None = None) -> Any:
        """Send a document and return the answer's; it is not sent again when the server is busy.

        Raises
        ------
        TwinError
            When the server refuses, or is away.
        """
        request = self._client.build_request("POST", path, params=texts(parameters), json=document)
        return self._send(request, tries=1).json()

    @contextmanager
    def stream(self, path: str, parameters: Parameters | None = None) -> Iterator[httpx.Response]:
        """Open an answer whose body is read as it comes.

        Raises
        ------
        TwinError
            When the server refuses, or is away after a few tries.
        """
        request = self._client.build_request("GET", path, params=texts(parameters))
        response = self._send(request, stream=True)
        try:
            yield response
        except httpx.TransportError as error:
            raise NotAvailable(f"the answer of {self.url} broke off: {error}") from error
        finally:
            response.close()

    def _send(self, request: httpx.Request, *, tries: int = _TRIES, stream: bool = False) -> httpx.Response:
        for left in reversed(range(tries)):
            try:
                response = self._client.send(request, stream=stream)
            except httpx.TransportError as error:
                raise NotAvailable(f"nobody answers at {self.url}: {error}; is the server running?") from error
            if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
                return response
            response.read()
            error_here = error_of(response)
            if not isinstance(error_here, NotAvailable) or not left:
                raise error_here
            time.sleep(min(retry_after_s(response) or 1.0, _WAIT_S_MAX))
        raise AssertionError("the last try returns or raises")

    def _keep(self, url: str, response: httpx.Response) -> None:
        tag = response.headers.get("ETag")
        self._kept.pop(url, None)
        if tag is None or len(response.content) > _KEPT_BYTES_ONE:
            return
        self._kept[url] = (tag, response.content)
        while sum(len(body) for _, body in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def warn_of_the_public(url: str) -> None:
    """Tell once that only what is public is answered, which otherwise looks like missing data."""
    warnings.warn(
        f"no token: {url} answers with what is public; set {TOKEN_VARIABLE} or Twin(token=…) to see what is yours",
        stacklevel=3,
    )


def texts(parameters: Parameters | None) -> dict[str, str]:
    """Return parameters as texts; one that is None is left out."""
    return {name: str(value) for name, value in (parameters or {}).items() if value is not None}
