"""The benchmark of the page: what can be asked of it. It is run by people with a quiet machine and a browser."""

from __future__ import annotations

from typing import Any, cast

import pytest

from benchmarks.page.__main__ import main
from benchmarks.page.tab import Transferred


def test_an_unknown_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["--cases", "opening,closing"])
    assert refusal.value.code == 2
    assert "there is no closing" in capsys.readouterr().err


def test_bytes_count_where_their_response_said_what_they_are() -> None:
    heard: dict[str, Any] = {}

    class Session:
        def on(self, event: str, handler: Any) -> None:
            heard[event] = handler

        def send(self, command: str) -> None:
            assert command == "Network.enable"

    transferred = Transferred()
    transferred.watch(cast("Any", Session()))
    for number, kind in enumerate(["Script", "Stylesheet", "Script"]):
        heard["Network.responseReceived"]({"requestId": str(number), "type": kind})
        heard["Network.loadingFinished"]({"requestId": str(number), "encodedDataLength": 100.0})
    heard["Network.loadingFinished"]({"requestId": "unheard", "encodedDataLength": 7.0})
    assert transferred.bytes_of == {"Script": 200, "Stylesheet": 100, "Other": 7}
