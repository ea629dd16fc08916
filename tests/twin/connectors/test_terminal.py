"""Vehicle terminals over real sockets: JT/T 808 from the first byte to the answer, and to PostGIS."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.databases import count_rows
from tests.twin.connectors.house import PROCESS_SECONDS, House
from tests.twin.waiting import DEADLINE_S, until
from twin.connectors import terminal
from twin.connectors.terminal import TerminalServer
from twin.connectors.terminal_protocol import Platform, Terminal, code_of
from twin.connectors.terminal_roster import Roster
from twin.envelope.refused import Refused
from twin.feeds import jt808
from twin.feeds.jt808 import TerminalFrame, read_frame, split_frames, write_frame

pytestmark = pytest.mark.anyio
PHONE, OTHER, STRANGER = "13912345678", "13912345679", "13900000000"
SECRET = b"a secret of sixteen bytes and more"
FEED = {
    "name": "terminals",
    "title_zh": "车",
    "title_en": "Vehicles",
    "protocol": "jt808",
    "crs_source": "WGS84",
    "rate_limit_per_s": 100_000,
    "kinds": ["position"],
    "supplies": ["vehicles"],
    "connection": {"port": 6808},
}
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)


def location(seconds: int = 0, lon: float = 113.33, lat: float = 23.13) -> bytes:
    time = (NOON + timedelta(hours=8, seconds=seconds)).strftime("%y%m%d%H%M%S")
    fixed = struct.pack(">IIIIHHH", 0, 3, round(lat * 1e6), round(lon * 1e6), 20, 325, 91)
    return fixed + bytes.fromhex(time)


def batch(*seconds: int) -> bytes:
    bodies = [location(second) for second in seconds]
    return struct.pack(">HB", len(bodies), 1) + b"".join(struct.pack(">H", len(b)) + b for b in bodies)


def registration(terminal_id: str, *, is_2019: bool = False) -> bytes:
    widths = (11, 30, 30) if is_2019 else (5, 20, 7)
    maker, model, number = (
        text.encode().ljust(w, b"\0") for text, w in zip(("M", "T", terminal_id), widths, strict=True)
    )
    return struct.pack(">HH", 44, 106) + maker + model + number + b"\2" + "粤A12345".encode("gbk")


class Device:
    """A terminal at the other end of a socket."""

    def __init__(self, reader, writer, phone=PHONE, *, is_2019=False) -> None:
        self._reader, self._writer, self._phone, self._is_2019 = reader, writer, phone, is_2019
        self._rest, self._frames, self._serial = b"", [], 0

    def frame(self, message_id, body=b"") -> bytes:
        self._serial += 1
        return write_frame(TerminalFrame(message_id, self._phone, self._serial, body, self._is_2019))

    async def send(self, wire: bytes) -> None:
        self._writer.write(wire)
        await self._writer.drain()

    async def heard(self) -> TerminalFrame:
        """Return the next frame of the platform."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._frames:
                data = await self._reader.read(4096)
                assert data, "the platform hung up"
                frames, self._rest = split_frames(self._rest + data)
                self._frames += map(read_frame, frames)
        return self._frames.pop(0)

    async def asked(self, message_id, body=b"") -> tuple[int, int]:
        """Send a message, and return which it was an answer to and the result."""
        await self.send(self.frame(message_id, body))
        answer = await self.heard()
        assert (answer.message_id, answer.phone) == (jt808.GENERAL_ANSWER, self._phone)
        serial, of, result = struct.unpack(">HHB", answer.body)
        assert serial == self._serial
        return of, result

    async def is_let_go(self) -> bool:
        async with asyncio.timeout(DEADLINE_S):
            while await self._reader.read(4096):
                pass
        return True


@pytest.fixture
async def vehicles(owner):
    await owner.execute(
        "INSERT INTO layer.vehicles (id, sim_no, terminal_id) VALUES ('V1', $1, 'T000001'), ('V2', $2, NULL)",
        f"0{PHONE}",
        OTHER,
    )


@pytest.fixture
def serve(house, vehicles):
    """Run the server: ``async with serve(secret=…) as connect``, which opens terminals."""

    @asynccontextmanager
    async def serve(secret=None, **connection):
        definition = await house.feed(FEED, connection={"port": 6808, **connection})
        roster = Roster(house.parts.pool, house.parts.catalog, "vehicles")
        server = TerminalServer(definition, partial(house.parts.intake.take_read, "terminals"), roster, secret)
        await server.start("127.0.0.1", 0)
        writers = []

        async def connect(phone=PHONE, *, is_2019=False):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writers.append(writer)
            return Device(reader, writer, phone, is_2019=is_2019)

        connect.server = server
        try:
            yield connect
        finally:
            for writer in writers:
                writer.close()
            await server.stop()

    return serve


async def now_at(owner, vehicle="V1"):
    return await owner.fetchrow("SELECT lon, lat, phenomenon_time FROM twin.position_now WHERE id = $1", vehicle)


@pytest.mark.parametrize("is_2019", [False, True])
async def test_a_position_is_answered_when_it_is_durable_and_is_the_vehicles(serve, owner, is_2019):
    async with serve() as connect:
        device = await connect(is_2019=is_2019)
        assert await device.asked(jt808.HEARTBEAT) == (jt808.HEARTBEAT, 0)
        assert await device.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 0)
        assert tuple(await now_at(owner)) == (pytest.approx(113.33), pytest.approx(23.13), NOON)
        assert await device.asked(0x0F00) == (0x0F00, 3)


async def test_bytes_arrive_one_by_one_and_many_frames_at_once(serve, owner):
    async with serve() as connect:
        device = await connect()
        for byte in device.frame(jt808.LOCATION, location()):
            await device.send(bytes([byte]))
        assert (await device.heard()).body[-1] == 0
        await device.send(b"".join(device.frame(jt808.LOCATION, location(n)) for n in range(1, 51)))
        assert [(await device.heard()).body[-1] for _ in range(50)] == [0] * 50
    assert await count_rows(owner, "twin.position") == 51


async def test_late_positions_go_to_history_and_never_move_the_marker(serve, owner):
    async with serve() as connect:
        device = await connect()
        await device.asked(jt808.LOCATION, location(60, 113.36))
        assert await device.asked(jt808.LOCATION_BATCH, batch(30, 10, 20)) == (jt808.LOCATION_BATCH, 0)
        assert await device.asked(jt808.LOCATION_BATCH, batch(30, 10, 20)) == (jt808.LOCATION_BATCH, 0)
    assert (await now_at(owner))["lon"] == pytest.approx(113.36)
    assert await count_rows(owner, "twin.position") == 4


async def test_a_flipped_bit_is_counted_and_kept_and_the_connection_lives(serve, owner):
    async with serve() as connect:
        device = await connect()
        damaged = bytearray(device.frame(jt808.LOCATION, location()))
        damaged[20] ^= 0x10
        await device.send(bytes(damaged))
        assert await device.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 0)
    kept = await owner.fetchrow("SELECT reason, message FROM twin.refused")
    assert tuple(kept) == ("bad_checksum", bytes(damaged))
    assert await owner.fetchval("SELECT rejected FROM twin.feed WHERE name = 'terminals'") == 1


async def test_a_terminal_nobody_knows_is_told_so_and_heard_once_it_is_known(serve, owner):
    async with serve() as connect:
        device = await connect(STRANGER)
        assert await device.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 2)
        kept = await owner.fetchrow("SELECT reason, detail FROM twin.refused")
        assert kept["reason"] == "unknown_terminal"
        assert STRANGER in kept["detail"]
        await owner.execute("INSERT INTO layer.vehicles (id, sim_no) VALUES ('V3', $1)", STRANGER)

        async def taken():
            return await device.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 0)

        await until(taken)
        assert (await now_at(owner, "V3"))["phenomenon_time"] == NOON


@pytest.mark.parametrize("is_2019", [False, True])
async def test_registration_gives_a_code_that_authenticates(serve, owner, is_2019):
    async with serve(SECRET) as connect:
        device = await connect(is_2019=is_2019)
        assert await device.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 1)
        assert await device.asked(jt808.AUTHENTICATE, b"\5guess" if is_2019 else b"guess") == (jt808.AUTHENTICATE, 1)
        await device.send(device.frame(jt808.REGISTER, registration("T000009", is_2019=is_2019)))
        assert (await device.heard()).body[2:] == b"\4"
        await device.send(device.frame(jt808.REGISTER, registration("T000001", is_2019=is_2019)))
        answer = await device.heard()
        assert (answer.message_id, answer.body[2]) == (0x8100, 0)
        code = answer.body[3:]
        shown = bytes([len(code)]) + code + bytes(35) if is_2019 else code
        assert await device.asked(jt808.AUTHENTICATE, shown) == (jt808.AUTHENTICATE, 0)
        assert await device.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 0)
        other = await connect(OTHER, is_2019=is_2019)
        assert await other.asked(jt808.AUTHENTICATE, shown) == (jt808.AUTHENTICATE, 1)
        assert await other.asked(jt808.LOCATION, location()) == (jt808.LOCATION, 1)
    assert await count_rows(owner, "twin.position") == 1


async def test_who_does_not_speak_jt808_is_let_go(serve, owner):
    async with serve() as connect:
        device = await connect()
        await device.send(b"GET / HTTP/1.1\r\n" * 400)
        assert await device.is_let_go()
        noisy = await connect()
        await noisy.send(b"".join(b"\x7enoise\x7e" for _ in range(30)))
        assert await noisy.is_let_go()
        assert await (await connect()).asked(jt808.HEARTBEAT) == (jt808.HEARTBEAT, 0)
    assert await count_rows(owner, "twin.refused WHERE reason = 'bad_frame'") >= 21


async def test_the_silent_and_the_too_many_are_let_go(serve):
    async with serve(idle_s=0.5, connections_max=2) as connect:
        silent = await connect()
        assert await silent.is_let_go()
        await until(lambda: connect.server.connections == 0)
    async with serve(connections_max=2) as connect:
        for _ in range(2):
            await (await connect()).asked(jt808.HEARTBEAT)
        assert await (await connect()).is_let_go()


async def test_one_that_is_too_fast_is_not_read_and_loses_nothing(serve, owner):
    async with serve(rate_per_s=100) as connect:
        device = await connect()
        await device.send(b"".join(device.frame(jt808.LOCATION, location(n)) for n in range(2_200)))
        heard = [await device.heard() for _ in range(2_200)]
    assert {frame.body[-1] for frame in heard} == {0}
    assert await count_rows(owner, "twin.position") == 2_200


async def test_what_was_answered_survives_a_kill_and_the_rest_is_sent_again(empty_url, tmp_path, owner, vehicles):
    house = House(empty_url, tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house.write(FEED, connection={"port": port})
    answered: set[int] = set()

    async def talk(process, kill_at=None):
        """Send what was not answered yet, as a terminal does, until the other side is gone."""
        reader, writer = await until(lambda: _open(port), seconds=PROCESS_SECONDS)
        device = Device(reader, writer)
        for second in sorted(set(range(60)) - answered):
            if second == kill_at:
                process.kill()
            try:
                assert await device.asked(jt808.LOCATION, location(second)) == (jt808.LOCATION, 0)
            except (OSError, AssertionError):
                break
            answered.add(second)
        writer.close()

    with house.process() as process:
        await talk(process, kill_at=40)
    assert 40 <= len(answered) < 60
    assert await count_rows(owner, "twin.position") >= len(answered)
    with house.process() as process:
        await talk(process)
    assert answered == set(range(60))
    assert await count_rows(owner, "twin.position") == 60


async def _open(port):
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None


async def test_the_connector_listens_where_its_file_says(house, vehicles, owner):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    definition = await house.feed(FEED, connection={"port": port})
    async with house.connected(terminal.TerminalFeed.run, definition):
        reader, writer = await until(lambda: _open(port))
        assert await Device(reader, writer).asked(jt808.LOCATION, location()) == (jt808.LOCATION, 0)
        writer.close()
        said = await owner.fetchval("SELECT detail FROM twin.connector WHERE feed = 'terminals'")
        assert f"127.0.0.1:{port}" in said


class Known:
    def __init__(self) -> None:
        self.terminals = {PHONE: Terminal("V1", "T000001")}


@settings(deadline=None)
@given(pieces=st.lists(st.binary(max_size=60) | st.just(b"\x7e"), max_size=30), cuts=st.data())
def test_any_stream_is_cut_alike_and_held_in_bounds(pieces, cuts):
    stream, rest, got = b"".join(pieces), b"", []
    at = 0
    while at < len(stream):
        step = cuts.draw(st.integers(1, len(stream) - at))
        frames, rest = split_frames(rest + stream[at : at + step])
        got += frames
        at += step
        assert len(rest) <= jt808.FRAME_BYTES_MAX + 1
    assert got == split_frames(stream)[0]


@given(
    message_id=st.integers(0, 0xFFFF) | st.sampled_from([jt808.REGISTER, jt808.AUTHENTICATE]),
    body=st.binary(max_size=120),
    is_2019=st.booleans(),
    phone=st.sampled_from([PHONE, STRANGER]),
)
def test_whatever_a_terminal_says_the_answer_is_a_frame_and_nobody_gets_in(message_id, body, is_2019, phone):
    platform = Platform(Known(), SECRET)
    frame = TerminalFrame(message_id, phone, 7, body, is_2019)
    reply = platform.reply(frame)
    if reply is not None:
        assert read_frame(reply[1:-1]).phone == phone
    assert not platform.may_send(frame)


def test_codes_differ_by_terminal_and_by_secret():
    assert len({code_of(SECRET, PHONE), code_of(SECRET, OTHER), code_of(b"x" * 16, PHONE)}) == 3


@given(noise=st.binary(max_size=9000))
def test_a_stream_that_never_ends_a_frame_is_given_up(noise):
    try:
        _, rest = split_frames(noise)
    except Refused:
        assert len(noise) > jt808.FRAME_BYTES_MAX
    else:
        assert len(rest) <= jt808.FRAME_BYTES_MAX + 1
