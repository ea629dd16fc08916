"""A changed policy is in force in every process, a faulty one in none: two real workers, and the ingest process."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from layers.database.connection import connect
from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from server.settings import load_settings
from tests.twin.change_log import happened, moved, prepare, write
from tests.twin.ingest_process import Ingest
from tests.twin.live.test_live_processes import worker
from tests.twin.outlets.receiver import Receiver
from tests.twin.waiting import until
from twin.live.subscriber import OTHER_RIGHTS

pytestmark = pytest.mark.anyio
ROLES = """
roles:
  - {id: anonymous, title_zh: 公众, title_en: Public, clearance: 2}
  - {id: centre, title_zh: 中心, title_en: Centre, clearance: 2}
  - {id: keeper, title_zh: 安全管理员, title_en: Keeper, clearance: 1, duties: [metrics, policy]}
rules:
"""


def write_policy(folder, *rules):
    """Write a policy as an editor does: the old one or the new one is there, never a part."""
    draft = folder.parent / "draft"
    draft.write_text(ROLES + "".join(f"  - {rule}\n" for rule in rules))
    draft.replace(folder / "policy.yaml")


def of_everybody(*layers):
    return f"{{id: everybody, roles: [anonymous], layers: [{', '.join(layers)}], grade: 2}}"


@pytest.fixture
def database_url(layers_url):
    return layers_url


@pytest.fixture
def settings(database_url, tmp_path):
    home, folder = tmp_path / "home", tmp_path / "policy"
    for one in (home, folder, home / "outlets", home / "secrets"):
        one.mkdir()
    write_policy(folder, of_everybody("grids", "events"))
    return load_settings(
        database={"url": database_url},
        home=home,
        policy={"folder": folder},
        outlets={"folder": home / "outlets"},
        server={"disk_free_min_mib": 0},
    )


class Worker:
    """A real worker at an address of its own."""

    def __init__(self, settings, running, token) -> None:
        self._keeper = {"Authorization": f"Bearer {token}"}
        listening = running.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        running.enter_context(worker(settings, listening))
        self._client = running.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=120)
        )

    def policy(self):
        answer = self._client.get("/policy", headers=self._keeper)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def health(self):
        return self._client.get("/health").json()

    def troubles(self):
        return self._client.get("/health", headers=self._keeper).json()["troubles"]

    @contextmanager
    def stream(self):
        """The lines of a stream that has begun."""
        with self._client.stream("GET", "/live") as answer:
            lines = answer.iter_lines()
            assert "event: ready" in lines  # reads up to there
            yield lines

    def events(self, last_id):
        """Name and id of the first two events of a stream that is resumed."""
        with self._client.stream("GET", "/live", headers={"Last-Event-ID": last_id}) as answer:
            lines = (line for line in answer.iter_lines() if line.startswith(("id: ", "event: ")))
            (id_of_first, first), (id_of_next, second) = [(next(lines)[4:], next(lines)[7:]) for _ in range(2)]
        return {first: id_of_first, second: id_of_next}

    def shows(self, layer_id):
        return self._client.get(f"/ogc/collections/{layer_id}/items?f=json").status_code == 200


async def test_who_was_cut_before_his_rights_changed_takes_the_state_anew(settings, database_url):
    await prepare(database_url)
    owner = await connect(database_url)
    token = await add_token(owner, "keeper", IdentityLabels(roles=("keeper",)), 1)
    await owner.close()
    seq = await write(database_url, happened("e1"))
    with ExitStack() as running:
        workers = [Worker(settings, running, token) for _ in range(2)]
        with workers[0].stream() as lines:
            last_id = next(line for line in lines if line.startswith("id: "))[4:]
        (first,) = {one.policy()["digest"] for one in workers}
        await write(database_url, happened("e2"))
        assert list(workers[1].events(last_id)) == ["ready", "changes"]  # the same rights at another process
        write_policy(settings.policy.folder, of_everybody("grids"))
        await until(lambda: all(one.policy()["digest"] != first for one in workers))
        for one in workers:
            heard = one.events(last_id)
            assert list(heard) == ["resync", "ready"]
            assert heard["ready"] == heard["resync"] != last_id
            assert int(heard["ready"].partition("-")[0]) == seq + 1


async def test_a_changed_policy_is_in_force_in_every_worker_and_a_faulty_one_in_none(settings, database_url):
    await prepare(database_url)
    owner = await connect(database_url)
    token = await add_token(owner, "keeper", IdentityLabels(roles=("keeper",)), 1)
    await owner.close()
    folder = settings.policy.folder
    with ExitStack() as running:
        workers = [Worker(settings, running, token) for _ in range(2)]
        (first,) = {one.policy()["digest"] for one in workers}
        assert [(one.shows("grids"), one.shows("events")) for one in workers] == [(True, True)] * 2
        streams = [running.enter_context(one.stream()) for one in workers]
        write_policy(folder, of_everybody("grids"))
        await until(lambda: all(one.policy()["digest"] != first for one in workers))
        for lines in streams:  # each ends: its reader reads the state again, and comes again without a number
            assert "\n".join(lines).endswith('id:\nevent: resync\ndata: {"seq":0,"detail":"' + OTHER_RIGHTS + '"}\n')
        (second,) = {one.policy()["digest"] for one in workers}
        assert [(one.shows("grids"), one.shows("events")) for one in workers] == [(True, False)] * 2
        assert [one.health()["status"] for one in workers] == ["ok"] * 2
        for faulty in (of_everybody("no_such_layer"), "{id: everybody, roles: ["):
            write_policy(folder, of_everybody("grids"))
            await until(lambda: all(one.policy()["fault"] is None for one in workers))
            write_policy(folder, faulty)
            await until(lambda: all(one.policy()["fault"] for one in workers))
            assert {one.policy()["digest"] for one in workers} == {second}
            assert [(one.shows("grids"), one.shows("events")) for one in workers] == [(True, False)] * 2
            for one in workers:
                assert one.health() == {"status": "degraded", "ingest": False}
                (trouble,) = one.troubles()
                assert "policy" in trouble
        write_policy(folder, of_everybody("grids", "events"))
        await until(lambda: all(one.health()["status"] == "ok" for one in workers))
        assert {one.policy()["digest"] for one in workers} == {first}
        assert all(one.shows("events") for one in workers)


async def test_an_outlet_of_the_ingest_process_follows_a_changed_policy(settings, database_url, tmp_path):
    def of_centre(layer_id):
        return f"{{id: centre, roles: [centre], layers: [{layer_id}], grade: 2}}"

    await prepare(database_url)
    write_policy(settings.policy.folder, of_centre("vehicles"))
    receiver = Receiver(tmp_path / "receiver").start()
    rights = {"role": "centre", "clearance": 2}
    outlet = {"name": "centre", "kind": "webhook", "url": receiver.url, "rights": rights, "retry": {"first_s": 0.05}}
    (settings.outlets.folder / "centre.yaml").write_text(repr(outlet))
    sent = iter(range(10_000))

    async def heard(layer_id):
        number = next(sent)
        await write(database_url, moved(f"v{number}", number), happened(f"e{number}"))
        return any(event["subject"].startswith(layer_id) for event in receiver.events()[-1:])

    try:
        with Ingest(settings):
            await until(lambda: heard("vehicles"))
            assert {event["subject"].partition("/")[0] for event in receiver.events()} == {"vehicles"}
            write_policy(settings.policy.folder, of_centre("events"))
            await until(lambda: heard("events"))
            layers = [event["subject"].partition("/")[0] for event in receiver.events()]
            assert layers == sorted(layers, reverse=True)  # vehicles, and from the change on events alone
    finally:
        receiver.kill()
