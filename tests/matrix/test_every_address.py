"""Every operation of OpenAPI answers odd values and wrong tokens with an error in words."""

from __future__ import annotations

import pytest

from tests.matrix.conftest import Everybody

STREAMS = {"/live", "/twin/replay"}  # endless
ODD = ("%00", "9" * 19, "-9223372036854775809", "1e400", "𝄞'\"%5C;--", "")
KNOWN = {"code": "440106", "name": "light", "layers": "grids", "z": "3", "x": "6", "y": "3", "event_id": "E"}
KNOWN |= {"refused_id": "1", "file": "sprite.json", "layer": "vec"}


def operations(service):
    """Yield method, path and parameter names of every operation in our document."""
    document = service.json("/openapi.json", actor="operator")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path not in STREAMS:
                yield (
                    method.upper(),
                    path,
                    [(p["in"], p["name"], p.get("required")) for p in operation.get("parameters", [])],
                )


def address(path, /, **values):
    """Return an address with these values, and valid values of the other parameters."""
    for name, value in {**KNOWN, **values}.items():
        path = path.replace(f"{{{name}}}", value or "%20")
    return path


def test_odd_values_are_refused_in_words_everywhere(district):
    count = 0
    for method, path, parameters in operations(district):
        for place, name, _ in parameters:
            for odd in ODD if place in {"path", "query"} else ():
                own = {"layers": "grids", "lon": "113.3", "lat": "23.1", "layer": "events", "at": "2026-01-01"}
                given = {n: own[n] for where, n, required in parameters if where == "query" and required and n in own}
                given |= {name: odd} if place == "query" else {}
                query = "&".join(f"{key}={value}" for key, value in given.items())
                target = f"{address(path, **({name: odd} if place == 'path' else {}))}?{query}"
                answer = district.ask(target, actor="operator", method=method)
                assert answer.status_code < 500 or answer.status_code == 503, (method, target, answer.text)
                count += 1
    assert count > 200


def test_a_wrong_token_is_told_everywhere(district, monkeypatch):
    monkeypatch.setattr("server.identity.guesses.AT_ONCE", 1_000_000)
    wrong = {"authorization": "Bearer wrong"}
    others = [
        "/",
        "/docs",
        "/guide",
        "/catalog",
        "/catalog/grids",
        "/status",
        "/ogc",
        "/ogc/collections",
        "/ogc/collections/grids/items",
        "/tiles/grids/14/13350/7108.mvt",
    ]
    paths = [("GET", one) for one in others]
    paths += [(method, address(path)) for method, path, _ in operations(district) if not path.startswith("/feeds")]
    statuses = {
        path: district.ask(path, actor=None, method=method, headers=wrong).status_code for method, path in paths
    }
    assert {path: status for path, status in statuses.items() if status != 401} == {}


@pytest.mark.parametrize("target", ["/twin/feeds", "/twin/rules"])
def test_what_is_wrong_with_a_file_is_nothing_for_strangers(district_url, tmp_path, monkeypatch, target):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "broken.yaml").write_text("name: broken\nsecret_place: db.example.gov.cn\n", encoding="utf-8")
    kind = "FEEDS" if target == "/twin/feeds" else "RULES"
    monkeypatch.setenv(f"ONEMAP_{kind}_FOLDER", str(folder))
    service = Everybody(district_url)
    try:
        assert "broken.yaml" in service.ask(target, actor="operator").text
        for actor in ("anonymous", "public", "masked"):
            answer = service.ask(target, actor=actor)
            assert answer.status_code == 200
            assert "secret_place" not in answer.text
            assert "broken" not in answer.text
            assert "no-store" in answer.headers["cache-control"]
    finally:
        service.close()
