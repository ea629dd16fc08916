"""Pages of an interface over HTTP: limited in time and size, requested again after faults, from one host only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Literal, Self

import httpx
import structlog
from pydantic import Field

from layers.errors import BadInput, TooMuch, Unavailable
from twin.envelope.read import BODY_BYTES_MAX
from twin.feeds.decode import Delivery
from twin.feeds.definition import Address, FeedConnection
from twin.feeds.times import CHINA

ATTEMPTS_MAX = 6
_PAGE_SECONDS_MAX = 120.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_BACK_OFF_SECONDS, _BACK_OFF_SECONDS_MAX = 0.5, 60.0
_RETRY_AFTER_SECONDS_MAX = 3600.0
_REDIRECTS_MAX = 3
_log = structlog.get_logger(__name__)


class PullConnection(FeedConnection):
    """The address of the pages.

    Attributes
    ----------
    overlap_s
        Seconds before the newest known record from which a pull starts.
    page_parameter, page_first, since_parameter, since_as
        Names of parameters, number of the first page, and the form of times.
    secret_header
        Header of the secret; None means ``Authorization: Bearer …``.
    """

    url: Address
    interval_s: float = Field(default=300, ge=1)
    overlap_s: float = Field(default=600, ge=0)
    page_parameter: str = "page"
    page_first: int = Field(default=1, ge=0, le=1)
    since_parameter: str = "update_time"
    since_as: Literal["iso", "local", "epoch_s", "epoch_ms"] = "iso"
    secret_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")


class _Again(Exception):
    """The page may come when it is requested again, after so many seconds; None leaves the pause to us."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Pages:
    """The pages of one address; responses cannot lead to another host.

    Parameters
    ----------
    connection
        The address and the names of its parameters.
    secret
        Sent as a bearer token, or in the connection's header; None sends nothing.
    """

    def __init__(self, connection: PullConnection, secret: bytes | None) -> None:
        if not connection.url.startswith("http"):
            raise BadInput("a pull needs an address that begins with http", parameter="connection.url")
        self._connection, self._url = connection, httpx.URL(connection.url)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "onemap"}
        if secret is not None:
            name = connection.secret_header
            headers[name or "Authorization"] = (
                secret.decode("latin-1") if name else f"Bearer {secret.decode('latin-1')}"
            )
        context = ssl.create_default_context()  # the system's authorities, and those of SSL_CERT_FILE
        self._client = httpx.AsyncClient(headers=headers, verify=context, timeout=_TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, page: int, since: datetime | None) -> Delivery:
        """Get one page.

        Parameters
        ----------
        since
            Time from which records are requested; None requests all.

        Raises
        ------
        Unavailable
            When it does not come in time after all attempts, or is refused.
        TooMuch
            When it is too large.
        BadInput
            When the address redirects to another host.
        """
        url, back_off_s = self._address(page, since), _BACK_OFF_SECONDS
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                async with asyncio.timeout(_PAGE_SECONDS_MAX):
                    return await self._fetch(url)
            except (_Again, httpx.TransportError, TimeoutError) as error:
                detail = str(error) or type(error).__name__
                if attempt == ATTEMPTS_MAX:
                    raise Unavailable(f"page {page} of {self._url.host} does not come: {detail}") from error
                wait_s = getattr(error, "after_s", None)
            _log.info("a page is asked for again", host=self._url.host, page=page, error=detail)
            await asyncio.sleep(back_off_s if wait_s is None else min(wait_s, _RETRY_AFTER_SECONDS_MAX))
            back_off_s = min(back_off_s * 2, _BACK_OFF_SECONDS_MAX)
        raise AssertionError  # the last attempt returns or raises

    def _address(self, page: int, since: datetime | None) -> httpx.URL:
        params = {self._connection.page_parameter: str(page)}
        if since is not None:
            params[self._connection.since_parameter] = _WRITE[self._connection.since_as](since)
        return self._url.copy_merge_params(params)

    async def _fetch(self, url: httpx.URL) -> Delivery:
        for _ in range(_REDIRECTS_MAX + 1):
            async with self._client.stream("GET", url) as response:
                if response.has_redirect_location:
                    url = self._same_host(url.join(response.headers["location"]))
                    continue
                if response.status_code == 429 or response.status_code >= 500:
                    raise _Again(f"it answers {response.status_code}", _seconds(response.headers.get("retry-after")))
                if response.status_code != 200:
                    raise Unavailable(f"{self._url.host} answers {response.status_code} to {url.path}")
                return Delivery(await _body(response), {"content-type": response.headers.get("content-type", "")})
        raise Unavailable(f"{self._url.host} redirects more than {_REDIRECTS_MAX} times")

    def _same_host(self, url: httpx.URL) -> httpx.URL:
        """Raise BadInput for another host: the secret must not go there."""
        if (url.scheme, url.host, url.port) != (self._url.scheme, self._url.host, self._url.port):
            raise BadInput(f"{self._url.host} redirects to {url.host}, which is not followed")
        return url


async def _body(response: httpx.Response) -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise TooMuch(f"a page has more than {BODY_BYTES_MAX} bytes; ask for smaller ones in the address")
    return b"".join(chunks)


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of `Retry-After`, which has seconds or a date; None when it is neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


_WRITE: dict[str, Callable[[datetime], str]] = {
    "iso": lambda moment: moment.astimezone(CHINA).isoformat(timespec="seconds"),
    "local": lambda moment: moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
    "epoch_s": lambda moment: str(int(moment.timestamp())),
    "epoch_ms": lambda moment: str(int(moment.timestamp() * 1000)),
}
