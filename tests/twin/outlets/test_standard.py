"""Standard Webhooks: what is sent is verified by the standard's own library."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from layers.errors import Unavailable
from twin.outlets.standard import PREFIX, for_receivers, standard_headers

SECRETS = st.binary(min_size=24, max_size=64).map(lambda key: PREFIX.encode() + base64.b64encode(key)) | st.from_regex(
    rb"[A-Za-z0-9_-]{32,64}", fullmatch=True
).filter(lambda secret: not secret.startswith(PREFIX.encode()))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=50)
IDENTITIES = st.from_regex(r"[a-z][a-z0-9_]{0,20}-[0-9]{1,9}-[0-9]{1,9}", fullmatch=True)


@given(keys=st.lists(SECRETS, min_size=1, max_size=2, unique=True), identity=IDENTITIES, text=TEXTS)
def test_the_library_verifies_under_each_secret(keys, identity, text):
    body = json.dumps({"text": text}, ensure_ascii=False).encode()
    headers = standard_headers(keys, identity, body, now=datetime.now(UTC))
    assert len(headers["webhook-signature"].split()) == len(keys)
    for key in keys:
        Webhook(for_receivers(key)).verify(body, headers)


@given(keys=st.lists(SECRETS, min_size=2, max_size=2, unique=True))
def test_the_library_refuses_another_secret_and_another_body(keys):
    headers = standard_headers(keys[:1], "centre-1-2", b"{}", now=datetime.now(UTC))
    with pytest.raises(WebhookVerificationError):
        Webhook(for_receivers(keys[1])).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(for_receivers(keys[0])).verify(b"[]", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(for_receivers(keys[0])).verify(b"{}", headers | {"webhook-id": "centre-1-3"})


def test_a_secret_that_is_not_base64_is_told():
    with pytest.raises(Unavailable, match="not base64"):
        standard_headers([b"whsec_*"], "centre-1-2", b"{}", now=datetime.now(UTC))
