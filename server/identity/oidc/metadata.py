"""The discovery document of a provider, and the addresses in it that we use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layers.errors import Unavailable
from server.identity.oidc.provider_file import ProviderFile


@dataclass(frozen=True, slots=True)
class Metadata:
    """The addresses of a provider; those that are None it does not have."""

    jwks: str
    authorization: str | None
    token: str | None
    userinfo: str | None
    end_session: str | None
    names_issuer: bool
    """Whether it names itself in the answer to a login (RFC 9207), against mix-up of providers."""


def metadata_of(provider: ProviderFile, document: Mapping[str, Any]) -> Metadata:
    """Return what a discovery document says, as far as it may.

    Raises
    ------
    Unavailable
        When it is of another issuer, or names an address at an origin that the provider's file does not allow.
    """
    if document.get("issuer") != provider.issuer:
        raise Unavailable(f"{provider.discovery_address} is of the issuer {document.get('issuer')!r:.200}")
    jwks = provider.jwks or _address(provider, document, "jwks_uri")
    if jwks is None:
        raise Unavailable(f"{provider.discovery_address} names no jwks_uri")
    return Metadata(
        jwks=jwks,
        authorization=_address(provider, document, "authorization_endpoint"),
        token=_address(provider, document, "token_endpoint"),
        userinfo=_address(provider, document, "userinfo_endpoint"),
        end_session=_address(provider, document, "end_session_endpoint"),
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(provider: ProviderFile, document: Mapping[str, Any], name: str) -> str | None:
    address = document.get(name)
    if address is None:
        return None
    if not isinstance(address, str) or not provider.may_name(address):
        raise Unavailable(
            f"{provider.discovery_address}: {name} is {address!r:.200}; the setting origins of the provider's file "
            "names further places that it may be at"
        )
    return address
