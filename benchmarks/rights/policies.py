"""What a policy costs: knowing who asks, a thousand rules more, and a changed file in every worker."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from joserfc import jwk, jwt

from benchmarks.results import Figure, at_most, faster
from benchmarks.rights import turns
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.rights.cpu import CpuClock
from benchmarks.rights.roles import busiest_street
from benchmarks.servers import UNLIMITED, running_ours
from layers.actor import Actor
from layers.database.connection import connect
from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from layers.policy.read import read_policy
from server.app import create_app
from server.installation import PROJECT
from server.settings import Settings, load_settings

RULES = 1000
_SHIPPED = PROJECT / "config" / "policy"
_CHECK_US, _RULES_SHARE, _RELOAD_S = 50.0, 0.95, 1.0
_CHECKS = 5000
_ISSUER, _CLIENT = "https://id.example.gov.cn", "onemap"
_CASES = {
    "page": ("/ogc/collections/bench_points/items?limit=20", 120),
    "feature": ("/ogc/collections/grids/items/{grid}", 240),
    "tile": ("/tiles/bench_points/14/13349/7108.mvt", 120),
}
_CONNECTIONS = 24  # opened anew each time: they spread over all workers
_LOOK_S = 0.05
_ROUNDS = 5
_HIDDEN = 'roles: [anonymous], layers: ["*"]', "roles: [anonymous], layers: [districts]"  # hides the streets


async def measure(url: str, home: Path, share: float = 1.0) -> list[Figure]:
    """Measure all three.

    Parameters
    ----------
    share
        Of the requests of each round.
    """
    found = await _checks(url, home / "tokens", share)
    found += await _rules(url, home / "rules", share)
    return [*found, *await _reload(url, home / "reload")]


async def _checks(url: str, home: Path, share: float) -> list[Figure]:
    """Measure how long it takes to know who asks, from a token that came before."""
    connection = await connect(url)
    labels = IdentityLabels(("street_dispatcher",), ("440106004",), (), 4)
    ours = await add_token(connection, f"bench-{time.time_ns()}", labels, 1)
    await connection.close()
    (home / "oidc").mkdir(parents=True, exist_ok=True)
    theirs = _provided(home)
    settings = load_settings(home=home, database={"url": url}, oidc={"folder": home / "oidc"}, limits=UNLIMITED)
    app = create_app(settings)
    rows = []
    async with app.router.lifespan_context(app):
        for words, token in (("an access token", ours), ("a token of a provider (RS256)", theirs)):
            scope = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
            taken_us = await _check_us(app.state.shared.authenticator, scope, max(100, int(_CHECKS * share)))
            rows.append(at_most(f"{words} checked, warm", "µs", taken_us, _CHECK_US))
    return rows


def _provided(home: Path) -> str:
    """Describe a provider whose keys are a file, and return a token that it has signed."""
    key = jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
    keys = home / "keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}), encoding="utf-8")
    file = {
        "name": "district", "title_zh": "区", "title_en": "District", "issuer": _ISSUER, "client_id": _CLIENT,
        "jwks": str(keys), "login": False,
    }  # fmt: skip
    (home / "oidc" / "district.yaml").write_text(json.dumps(file), encoding="utf-8")
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": _CLIENT, "sub": "li", "iat": now, "exp": now + 3600}
    return jwt.encode({"alg": "RS256", "kid": "1", "typ": "at+jwt"}, claims, key)


async def _check_us(authenticator: Any, scope: dict[str, Any], count: int) -> float:
    await authenticator.authenticate(scope, "127.0.0.1")
    begun = time.perf_counter()
    for _ in range(count):
        await authenticator.authenticate(scope, "127.0.0.1")
    return (time.perf_counter() - begun) / count * 1e6


async def _rules(url: str, home: Path, share: float) -> list[Figure]:
    """Measure reads under the shipped policy with a thousand rules more beside those without, by turns."""
    connection = await asyncpg.connect(url)
    street, grid = await busiest_street(connection), await connection.fetchval("SELECT min(id) FROM layer.grids")
    folder = _copied(home)
    rules = "".join(f"  - {rule}\n" for rule in _other_rules())
    (folder / "many.yaml").write_text(f"rules:\n{rules}", encoding="utf-8")
    actors = {
        name: Actor("dispatcher", 4, (street,), roles=("street_dispatcher",), policy=read_policy(from_folder))
        for name, from_folder in (("many", folder), ("shipped", _SHIPPED))
    }
    settings = _in_process(url, home)
    rows = []
    async with InProcess(settings, actors) as app:
        clock = CpuClock(connection)
        for words, (target, number) in _CASES.items():
            count, asked = max(8, int(number * share)), [target.format(grid=grid)]
            with_them, without = await turns.rates(
                clock, _by(app, asked, "many", count), _by(app, asked, "shipped", count), count
            )
            rows.append(faster(f"{RULES:,} rules more, a {words}", with_them, without, _RULES_SHARE, "req/cpu-s"))
    await connection.close()
    return rows


def _other_rules() -> Sequence[str]:
    """Rules of another role about layers that are read."""
    layers = ("bench_points", "grids", "buildings", "video_points")
    return [
        f"{{id: bench-{n}, roles: [analyst], layers: [{layers[n % len(layers)]}], grade: 1, fields: {{name: full}}}}"
        for n in range(RULES)
    ]


def _in_process(url: str, home: Path) -> Settings:
    database = {"url": url, "pool_size": 4}
    return load_settings(home=home, database=database, audit={"enabled": False}, export=UNAPPROVED, limits=UNLIMITED)


def _by(app: InProcess, targets: list[str], actor: str, count: int) -> turns.Serve:
    async def serve(_turn: int) -> None:
        await app.get_all(targets, actor, count)

    return serve


async def _reload(url: str, home: Path) -> list[Figure]:
    """Measure how long after a change of its file no worker follows the old policy any more; the slowest of some."""
    folder = _copied(home)
    general = folder / "general.yaml"
    shipped = general.read_text(encoding="utf-8")
    hidden = shipped.replace(*_HIDDEN)
    if hidden == shipped:
        raise RuntimeError(f"{general} has no rule {_HIDDEN[0]}, which this benchmark changes")
    taken = []
    with running_ours(url, home, policy={"folder": folder}) as address:
        for text, status in ((hidden, 404), (shipped, 200)) * _ROUNDS:
            draft = home / "draft"
            draft.write_text(text, encoding="utf-8")
            begun = time.perf_counter()
            draft.replace(general)
            while await _statuses(address) != {status}:  # noqa: ASYNC110  # the workers are other processes
                await asyncio.sleep(_LOOK_S)
            taken.append(time.perf_counter() - begun)
    return [at_most("a changed policy is in force in every worker", "s", max(taken), _RELOAD_S)]


async def _statuses(address: str) -> set[int]:
    """Ask on connections of their own, which spread over the workers."""

    async def one() -> int:
        async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:
            return (await client.get("/ogc/collections/streets?f=json")).status_code

    return set(await asyncio.gather(*(one() for _ in range(_CONNECTIONS))))


def _copied(home: Path) -> Path:
    folder = home / "policy"
    shutil.copytree(_SHIPPED, folder, dirs_exist_ok=True)
    return folder
