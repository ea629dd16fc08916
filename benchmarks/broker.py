"""A real MQTT broker (Debian's mosquitto) for tests and faults, which can be killed and started again.

A missing broker is an error, never a skip: a green run means that everything ran.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

DEADLINE_S = 240
_PORTS = range(20_000, 32_000)  # below those the system gives to outgoing connections
_CONFIGURATION = """
listener {port} 127.0.0.1
{access}
persistence true
persistence_location {folder}/
autosave_interval 1
max_queued_messages 0
log_dest file {folder}/log
{more}
"""


def program() -> str:
    """Return the broker's program, which `./onemap test` installs.

    Raises
    ------
    FileNotFoundError
        When it is missing.
    """
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError("mosquitto is missing: apt-get install mosquitto")
    return found


class Broker:
    """A broker with a folder of its own.

    Parameters
    ----------
    folder
        Created here; holds the configuration, the log and the broker's stored messages.
    more
        Further lines of its configuration.
    users
        Names and passwords; None admits everybody.
    """

    def __init__(self, folder: Path, more: str = "", users: dict[str, str] | None = None) -> None:
        self.folder, self._more, self._users = folder, more, users
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        """The address, once the broker has started."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the broker, a second time on the same port; return when it accepts connections.

        Raises
        ------
        RuntimeError
            When it does not start.
        """
        ports = [self.port] * 20 if self.port else random.Random().sample(_PORTS, 20)
        for port in ports:
            self._process = subprocess.Popen([program(), "-c", self._write(port)], stderr=subprocess.DEVNULL)
            if _answers(self._process, port):
                self.port = port
                return
        raise RuntimeError(f"mosquitto does not start: {(self.folder / 'log').read_text(encoding='utf-8')}")

    def kill(self) -> None:
        """Kill the broker at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_S)

    def stop(self) -> None:
        """Stop the broker in order; it saves its messages."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)

    @contextmanager
    def publisher(
        self, version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5, **login: str
    ) -> Iterator[paho.Client]:
        """Yield a connected client that publishes; see `publish`."""
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
        if login:
            client.username_pw_set(**login)
        client.max_queued_messages_set(0)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    def publish(self, messages: Iterable[tuple[str, bytes | str]], *, qos: int = 1, retain: bool = False) -> None:
        """Publish messages (topic, payload); return when the broker has acknowledged them all.

        Raises
        ------
        TimeoutError
            When the broker does not acknowledge a message in time.
        """
        with self.publisher() as client:
            sent = [client.publish(topic, payload, qos=qos, retain=retain) for topic, payload in messages]
            for one in sent:
                one.wait_for_publish(DEADLINE_S)
                if not one.is_published():
                    raise TimeoutError("the broker does not take what is published")

    def _write(self, port: int) -> str:
        access = "allow_anonymous true"
        if self._users is not None:
            passwords = self.folder / "passwords"
            passwords.unlink(missing_ok=True)
            passwords.touch(mode=0o600)
            for name, password in self._users.items():
                subprocess.run(["mosquitto_passwd", "-b", passwords, name, password], check=True, capture_output=True)
            access = f"allow_anonymous false\npassword_file {passwords}"
        if os.geteuid() == 0:
            access += "\nuser root"  # else it would become another user, who cannot enter the test's folder
        text = _CONFIGURATION.format(port=port, folder=self.folder, access=access, more=self._more)
        (self.folder / "mosquitto.conf").write_text(text, encoding="utf-8")
        return str(self.folder / "mosquitto.conf")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a broker accepts connections; False when it ends instead, because its port is in use."""
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return process.poll() is None
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    return False
