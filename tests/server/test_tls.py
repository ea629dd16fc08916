"""A real worker over TLS, on IPv4 and IPv6, with the operators' port: as httpx, curl and openssl see it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from server.http.planes import OPERATORS_ADDRESSES
from server.installation import PROJECT
from server.processes.own_health import read_health
from server.settings import Settings, load_settings
from server.wire.certificate import trust_of
from server.wire.listen import Listening, listen
from tests.certificates import make_certificate

DEADLINE_S = 120
OPERATORS = ("/metrics", "/twin/feeds", "/twin/rules", "/twin/refused", "/twin/outlets")
SOUND, OLD = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"


@dataclass(frozen=True)
class Served:
    """A running worker."""

    settings: Settings
    listening: Listening
    folder: Path

    @property
    def port(self) -> int:
        return int(self.listening.public[0].getsockname()[1])

    def get(self, path: str, *, operators: bool = False, **headers: str) -> httpx.Response:
        address = self.listening.operators_address if operators else self.listening.address
        trust = trust_of(self.settings.server.tls_certificate)
        return httpx.get(f"{address}{path}", headers=headers, timeout=DEADLINE_S, verify=trust)

    def openssl(self, *options: str) -> bool:
        """Whether a handshake with these options succeeds."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", *options]
        return subprocess.run(command, input=b"", capture_output=True, check=False, timeout=DEADLINE_S).returncode == 0


@pytest.fixture(scope="module")
def served(served_layers_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    server = {"host": "localhost", "port": 0, "admin_host": "127.0.0.1", "admin_port": 0}
    server |= {"tls_certificate": certificate, "tls_key": key}
    settings = load_settings(home=folder, database={"url": served_layers_url}, server=server)
    with listen(settings.server) as listening, _worker(settings, listening):
        yield Served(settings, listening, folder)


def _worker(settings: Settings, listening: Listening) -> subprocess.Popen[bytes]:
    """Start a worker; it ends when its standard input is closed, as the context of a process does."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "server.processes.worker", *listening.arguments()],
        stdin=subprocess.PIPE,
        pass_fds=listening.descriptors(),
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert process.stdin is not None
    process.stdin.write(settings.model_dump_json().encode() + b"\n")
    process.stdin.flush()
    return process


def test_everything_is_asked_for_over_tls(served: Served):
    assert served.listening.address.startswith("https://127.0.0.1:")
    answer = served.get("/")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert served.get("/ogc?f=json", accept="application/json").json()["links"][0]["href"].startswith("https://")
    assert read_health(served.listening.address, served.settings)["status"] == "ok"


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_curl_reaches_it_by_its_name(served: Served, family: str):
    curl = shutil.which("curl")
    assert curl, "curl is missing"
    certificate = str(served.folder / "localhost.crt")
    command = [curl, family, "--silent", "--fail", "--cacert", certificate, f"https://localhost:{served.port}/health"]
    command += ["--resolve", f"localhost:{served.port}:127.0.0.1,[::1]"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert b'"status":"ok"' in done.stdout


def test_what_is_old_is_refused(served: Served):
    weak = ("-cipher", "ALL:@SECLEVEL=0")
    assert served.openssl("-tls1_3")
    assert served.openssl("-tls1_2", "-cipher", SOUND)
    assert not served.openssl("-tls1_2", "-cipher", OLD)
    assert not served.openssl("-tls1_1", *weak)
    assert not served.openssl("-tls1", *weak)


def test_without_tls_there_is_no_answer(served: Served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=DEADLINE_S) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""
        try:
            while piece := client.recv(4096):
                heard += piece
        except ConnectionError:
            pass
    assert b"HTTP/1.1" not in heard


def test_a_stream_and_a_websocket_go_over_tls(served: Served):
    trust = trust_of(served.settings.server.tls_certificate)
    with httpx.stream("GET", f"{served.listening.address}/live", timeout=DEADLINE_S, verify=trust) as stream:
        assert next(stream.iter_bytes()).startswith(b"retry: ")
    assert isinstance(trust, ssl.SSLContext)
    address = served.listening.address.replace("https:", "wss:")
    with connect(f"{address}/live/ws", ssl=trust, open_timeout=DEADLINE_S) as client:
        client.send('{"type":"ping"}')
        assert "heartbeat" in str(client.recv(DEADLINE_S))


def test_the_description_of_the_public_port_names_no_operators_address(served: Served):
    whole, public = (served.get("/openapi.json", operators=operators).json() for operators in (True, False))
    hidden = whole["paths"].keys() - public["paths"].keys()
    assert hidden
    assert all(path.startswith(OPERATORS_ADDRESSES) for path in hidden)
    assert not [path for path in public["paths"] if path.startswith(OPERATORS_ADDRESSES)]
    schemas = public["components"]["schemas"]
    assert "PolicyInForce" in whole["components"]["schemas"].keys() - schemas.keys()
    assert set(re.findall(r"#/components/schemas/([\w.-]+)", str(public))) == set(schemas)


@pytest.mark.parametrize("path", OPERATORS)
def test_operators_addresses_are_on_their_own_port_alone(served: Served, path: str):
    hidden, nowhere = (served.get(one).json() for one in (path, "/twin/nowhere"))
    assert hidden["status"] == 404
    assert hidden | {"request_id": ""} == nowhere | {"request_id": ""}, "as if there were no such address"
    assert served.get(path, operators=True).status_code in {200, 403}
    assert served.get(f"{path}/", **{"X-Forwarded-Port": "8001"}).status_code == 404


@pytest.mark.parametrize("operators", [False, True])
def test_health_is_on_both_ports(served: Served, *, operators: bool):
    assert served.get("/health", operators=operators).json()["status"] == "ok"


def test_a_renewed_certificate_is_shown_without_a_restart(served: Served):
    before = ssl.get_server_certificate(("127.0.0.1", served.port))
    make_certificate(served.folder, serial=2)
    deadline = time.monotonic() + DEADLINE_S
    while ssl.get_server_certificate(("127.0.0.1", served.port)) == before:
        assert time.monotonic() < deadline, "the old certificate is shown for ever"
    assert served.get("/health").status_code == 200
