"""OGC API Processes 1.0 (18-062r2): the requirements of its classes, as its abstract tests name them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import jsonschema
import pytest

from server.executions.process import PROCESSES
from tests.ogc.things import ACTORS
from twin.executions.progress import tell_progress

CONF = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
NEARBY = {"lon": 113.305, "lat": 23.1, "radius_m": 500, "layers": "points"}
RUN = "processes/nearby/execution"
ENDED = {"successful", "failed", "dismissed"}


def execute(service, path=RUN, *, actor="operator", prefer=None, **body):
    headers = {"content-type": "application/json", **({"prefer": prefer} if prefer else {})}
    content = json.dumps({"inputs": NEARBY, **body}).encode()
    return service.ask(path, method="POST", actor=actor, headers=headers, content=content)


def started(service, **how):
    answer = execute(service, prefer="respond-async", **how)
    assert answer.status_code == 201, answer.text
    return answer


def ended(service, job_id, actor="operator"):
    """Return a job once its task has ended."""

    async def wait():
        running = [task for task in asyncio.all_tasks() if task.get_name() == f"job {job_id}"]
        if running:
            await asyncio.wait(running)

    service.run(wait())
    found = service.json(f"jobs/{job_id}", actor=actor)
    assert found["status"] in ENDED
    return found


@pytest.mark.requirement(f"{CONF}/core")
def test_the_landing_page_leads_to_processes_and_jobs(service):
    links = {link["rel"].rpartition("/")[2]: link["href"] for link in service.json("/ogc")["links"]}
    assert service.json(links["processes"])["processes"]
    assert service.json(links["job-list"])["jobs"] == []


@pytest.mark.requirement(f"{CONF}/json")
def test_the_list_names_every_process_once_and_may_be_cut(service):
    found = service.json("processes")["processes"]
    assert [one["id"] for one in found] == list(PROCESSES)
    for one in found:
        assert {"id", "title", "version", "jobControlOptions", "outputTransmission", "links"} <= one.keys()
        assert {"sync-execute", "async-execute"} <= set(one["jobControlOptions"])
    assert len(service.json("processes", limit=2)["processes"]) == 2
    assert service.ask("processes", limit=0).status_code == 400


@pytest.mark.requirement(f"{CONF}/ogc-process-description")
@pytest.mark.parametrize("name", PROCESSES)
def test_a_generic_client_can_make_a_form_of_every_description(service, name):
    found = service.json(f"processes/{name}")
    assert found["id"] == name
    for one in (*found["inputs"].values(), *found["outputs"].values()):
        jsonschema.Draft202012Validator.check_schema(one["schema"])
        assert one["title"]
    assert "$ref" not in json.dumps(found)
    assert all({"minOccurs", "maxOccurs"} <= one.keys() for one in found["inputs"].values())
    execution = [link["href"] for link in found["links"] if link["rel"].endswith("/execute")]
    assert execution == [f"http://map.test/ogc/processes/{name}/execution"]


def test_a_choice_is_described_with_what_is_allowed_and_its_default(service):
    mode = service.json("processes/route")["inputs"]["mode"]["schema"]
    assert (mode["enum"], mode["default"]) == (["car", "walk"], "car")


def test_a_process_answers_what_its_operation_answers(service):
    operation = service.json("/twin/nearby", actor="operator", **NEARBY)
    raw = execute(service)
    assert raw.headers["content-type"] == "application/geo+json"
    assert raw.json() == operation
    assert execute(service, response="document").json() == {"result": operation}
    assert execute(service, outputs={"result": {"transmissionMode": "value"}}).json() == operation
    qualified = {name: {"value": value} for name, value in NEARBY.items()}
    assert execute(service, inputs=qualified).json() == operation
    assert execute(service, inputs={**NEARBY, "layers": ["points"]}).json() == operation


def test_a_process_has_the_rights_of_its_caller(service):
    for actor in ("anonymous", "operator"):
        assert execute(service, actor=actor).json() == service.json("/twin/nearby", actor=actor, **NEARBY)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": {**NEARBY, "colour": "red"}}, "no input"),
        ({"inputs": {"lon": 113.3}}, "needs the input"),
        ({"inputs": {**NEARBY, "lon": {"href": "http://169.254.169.254/"}}}, "by reference"),
        ({"inputs": {**NEARBY, "lon": "east"}}, "lon"),
        ({"inputs": {**NEARBY, "lon": {"a": 1}}}, "object"),
        ({"inputs": {**NEARBY, "layers": "nothing"}}, "no layer"),
        ({"inputs": {**NEARBY, "radius_m": -1}}, "radius_m"),
        ({"outputs": {"picture": {}}}, "no output"),
        ({"outputs": {"result": {"transmissionMode": "reference"}}}, "transmissionMode"),
        ({"response": "xml"}, "response"),
        ({"inputs": []}, "inputs"),
        ({"subscriber": {"successUri": "http://127.0.0.1/"}}, "subscriber"),
    ],
)
def test_bad_requests_are_refused_before_a_job_is_made(service, body, said):
    for prefer in (None,) if said in {"lon", "no layer", "radius_m", "object"} else (None, "respond-async"):
        answer = execute(service, prefer=prefer, **body)
        assert answer.status_code == 400, answer.text
        assert said in answer.json()["description"]


@pytest.mark.parametrize("path", ["processes/nothing", "processes/nothing/execution"])
def test_an_unknown_process_is_the_standards_exception(service, path):
    answer = execute(service, path) if path.endswith("execution") else service.ask(path)
    assert (answer.status_code, answer.json()["type"]) == (404, f"{EXCEPTIONS}/no-such-process")
    assert {"title", "status", "detail"} <= answer.json().keys()


@pytest.mark.parametrize("path", ["jobs/nothing", "jobs/00000000-0000-0000-0000-000000000000"])
def test_an_unknown_job_is_the_standards_exception(service, path):
    for method, ending in (("GET", ""), ("GET", "/results"), ("DELETE", "")):
        answer = service.ask(f"{path}{ending}", method=method, actor="operator")
        assert (answer.status_code, answer.json()["type"]) == (404, f"{EXCEPTIONS}/no-such-job")


def test_a_job_goes_from_accepted_to_its_results(service):
    answer = started(service)
    job = answer.json()
    assert answer.headers["location"] == f"http://map.test/ogc/jobs/{job['jobID']}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert (job["processID"], job["type"], job["status"], job["progress"]) == ("nearby", "process", "accepted", 0)
    found = ended(service, job["jobID"])
    assert (found["status"], found["progress"]) == ("successful", 100)
    assert found["created"] <= found["started"] <= found["finished"]
    results = service.ask(f"jobs/{job['jobID']}/results", actor="operator")
    assert results.headers["content-type"] == "application/geo+json"
    assert results.json() == service.json("/twin/nearby", actor="operator", **NEARBY)
    document = started(service, response="document").json()["jobID"]
    ended(service, document)
    assert service.json(f"jobs/{document}/results", actor="operator") == {"result": results.json()}


def test_a_job_that_fails_says_why(service):
    job = started(service, inputs={**NEARBY, "layers": "nothing"}).json()["jobID"]
    found = ended(service, job)
    assert found["status"] == "failed"
    results = service.ask(f"jobs/{job}/results", actor="operator")
    assert results.status_code == 400
    assert results.json()["description"] == found["message"]


@pytest.mark.requirement(f"{CONF}/job-list")
def test_the_list_has_the_jobs_of_who_asks_and_can_be_filtered(service):
    job = started(service).json()["jobID"]
    ended(service, job)
    every = service.json("jobs", actor="operator")["jobs"]
    assert job in {one["jobID"] for one in every}
    assert [one["created"] for one in every] == sorted((one["created"] for one in every), reverse=True)
    named = service.json("jobs", actor="operator", processID="nearby", status="successful")["jobs"]
    assert {(one["processID"], one["status"]) for one in named} == {("nearby", "successful")}
    assert service.json("jobs", actor="operator", processID="locate")["jobs"] == []
    assert len(service.json("jobs", actor="operator", limit=1)["jobs"]) == 1
    assert service.ask("jobs", actor="operator", status="done").status_code == 400


@pytest.mark.parametrize("other", ["street", "anonymous"])
def test_a_job_is_its_owners_alone(service, other):
    job = started(service).json()["jobID"]
    ended(service, job)
    for method, path in (("GET", f"jobs/{job}"), ("GET", f"jobs/{job}/results"), ("DELETE", f"jobs/{job}")):
        answer = service.ask(path, method=method, actor=other)
        assert (answer.status_code, answer.json()["type"]) == (404, f"{EXCEPTIONS}/no-such-job")
    assert job not in json.dumps(service.json("jobs", actor=other))
    assert service.json(f"jobs/{job}", actor="operator")["status"] == "successful"


def test_a_result_is_given_under_the_rights_that_it_was_computed_with(service, monkeypatch):
    job = started(service).json()["jobID"]
    ended(service, job)
    assert service.ask(f"jobs/{job}/results", actor="operator").status_code == 200
    demoted = replace(ACTORS["operator"], clearance=1)  # the same account, with other rights since then
    monkeypatch.setitem(ACTORS, "operator", demoted)
    results = service.ask(f"jobs/{job}/results", actor="operator")
    assert (results.status_code, "start the job again" in results.text) == (404, True)
    assert service.json(f"jobs/{job}", actor="operator")["status"] == "successful"


@pytest.mark.requirement(f"{CONF}/dismiss")
def test_a_job_that_was_dismissed_has_no_results(service):
    job = started(service).json()["jobID"]
    ended(service, job)
    answer = service.ask(f"jobs/{job}", method="DELETE", actor="operator")
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    assert service.json(f"jobs/{job}", actor="operator")["status"] == "dismissed"
    assert service.ask(f"jobs/{job}/results", actor="operator").json()["type"] == f"{EXCEPTIONS}/no-such-job"
    again = service.ask(f"jobs/{job}", method="DELETE", actor="operator")
    assert (again.status_code, again.json()["status"]) == (200, "dismissed")


JOIN = {"left": "points", "right": "areas", "aggregate": "count"}


def test_a_join_is_a_process_and_a_job(service):
    operation = service.json("/twin/join", actor="operator", **JOIN)
    assert execute(service, "processes/join/execution", inputs=JOIN).json() == operation
    job = started(service, path="processes/join/execution", inputs=JOIN).json()["jobID"]
    assert ended(service, job)["status"] == "successful"
    results = service.ask(f"jobs/{job}/results", actor="operator")
    assert results.json() == operation
    bad = execute(service, "processes/join/execution", inputs={**JOIN, "within_m": 1, "how": "beside"})
    assert bad.status_code == 400


def test_a_join_larger_than_a_result_may_be_fails_and_is_never_cut(service):
    state = service.app.state.shared
    processes = state.settings.processes.model_copy(update={"result_bytes": 1024})
    service.app.state.shared = replace(state, settings=state.settings.model_copy(update={"processes": processes}))
    try:
        answer = execute(service, "processes/join/execution", inputs=JOIN)
    finally:
        service.app.state.shared = state
    assert answer.status_code in {400, 413}
    assert "1024 bytes" in answer.text


def test_a_job_says_how_far_it_is_in_json_and_html(service, monkeypatch):
    gate = asyncio.Event()

    async def slow(*_):
        tell_progress(40, "半途 halfway")
        await gate.wait()
        return "application/json", b"{}"

    async def beat():
        jobs = service.app.state.shared.jobs
        while not any(one.percent for one in jobs._progress.values()):  # noqa: ASYNC110  # a condition of another task
            await asyncio.sleep(0)  # other tasks have their turn
        await jobs.ledger.beat(jobs._progress)

    async def go_on():
        gate.set()

    monkeypatch.setattr("server.routes.answers.processes.perform", slow)
    job = started(service).json()["jobID"]
    service.run(beat())
    told = service.json(f"jobs/{job}", actor="operator")
    assert (told["status"], told["progress"], told["message"]) == ("running", 40, "半途 halfway")
    page = service.ask(f"jobs/{job}", actor="operator", f="html", lang="en")
    assert ('value="40"' in page.text, "halfway" in page.text, page.headers["cache-control"]) == (
        True,
        True,
        "no-store",
    )
    assert service.ask(f"jobs/{job}", actor="street", f="html").status_code == 404
    service.run(go_on())
    done = ended(service, job)
    assert (done["progress"], "message" in done, done["expires"] > done["finished"]) == (100, False, True)


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_processes_and_jobs_are_pages_for_browsers(service):
    listed = service.ask("processes", headers=BROWSER)
    assert listed.headers["content-type"].startswith("text/html")
    assert all(f"/processes/{name}?" in listed.text for name in PROCESSES)
    page = service.ask("processes/nearby", headers=BROWSER, lang="en").text
    described = service.json("processes/nearby")["inputs"]
    assert all(f"<code>{name}</code>" in page for name in described)
    assert described["radius_m"]["description"] in page
    assert service.ask("jobs", headers=BROWSER, lang="en").text.count("No jobs") == 1
    assert service.ask("processes/nothing", headers=BROWSER).status_code == 404
    assert service.ask("processes", headers={"accept": "application/json"}).json()["processes"]
    landing = service.ask("/ogc", headers=BROWSER)
    assert "/ogc/processes?f=html" in landing.text
