"""A provider of identities as its file in `config/oidc` describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from server.identity.oidc.claims import ClaimsMapping
from server.installation import PROJECT
from twin.folder import Folder, read_definition

type Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
]
DISCOVERY_PATH = "/.well-known/openid-configuration"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _address(value: str) -> str:
    """Accept a URL or the path of a file; plain http only on this machine."""
    parts = urlsplit(value)
    if parts.scheme == "https" and parts.hostname:
        return value
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return value
    if "://" in value:
        raise ValueError("an address starts with https:// (http:// only for 127.0.0.1, ::1 and localhost)")
    return str(PROJECT / Path(value).expanduser())


type DocumentAddress = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_address)]


def origin_of(address: str) -> str:
    """Return scheme, host and port of a URL; empty for a file."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if "://" in address else ""


class ProviderFile(BaseModel):
    """A provider of identities.

    Attributes
    ----------
    issuer
        The `iss` of its tokens, letter by letter.
    discovery
        URL or file of its discovery document; by default below the issuer.
    jwks
        URL or file of its public keys; by default the one that the discovery document names.
    origins
        Further origins that the discovery document may name; by default only those of `issuer` and `discovery`.
    audiences
        Values of `aud` that mean this service; by default the client's id. A token for others is refused.
    clients
        Values of `azp` (or `client_id`) of programs that may bring tokens for their users; empty means any client that
        the provider lets ask for our audience.
    client_secret
        Name of the secret of a confidential client: a file in the home's `secrets`, or ``ONEMAP_SECRET_<NAME>``.
    userinfo
        Whether the claims of a login are read from the provider's UserInfo too; some put groups only there.
    login
        Whether people may log in there with a browser; otherwise only its tokens are accepted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    title_zh: str = Field(max_length=60)
    title_en: str = Field(max_length=60)
    issuer: Annotated[str, Field(max_length=500), AfterValidator(_address)]
    discovery: DocumentAddress | None = None
    jwks: DocumentAddress | None = None
    origins: tuple[Annotated[str, Field(pattern=r"^https?://[a-z0-9.\-\[\]:]+$")], ...] = ()
    client_id: str = Field(min_length=1, max_length=200)
    client_secret: str | None = None
    audiences: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
    scopes: tuple[str, ...] = ("openid", "profile")
    userinfo: bool = False
    login: bool = True
    claims: ClaimsMapping = ClaimsMapping()

    @property
    def discovery_address(self) -> str:
        """The address of the discovery document."""
        return self.discovery or self.issuer.rstrip("/") + DISCOVERY_PATH

    @property
    def accepted_audiences(self) -> frozenset[str]:
        """The values of `aud` that mean this service."""
        return frozenset(self.audiences or (self.client_id,))

    def may_name(self, address: str) -> bool:
        """Whether the discovery document may send us to an address."""
        known = {origin_of(self.issuer), origin_of(self.discovery_address), *self.origins}
        return origin_of(address) in known - {""}


_ADAPTER = TypeAdapter(ProviderFile)


def provider_folder(path: Path) -> Folder[ProviderFile]:
    """Return the providers of a folder, one file each; a missing folder has none."""
    return Folder(path, _read).renewed()


def _read(path: Path) -> ProviderFile:
    return read_definition(path, _ADAPTER, "a provider")
