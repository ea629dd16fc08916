"""The documents of jobs: `statusInfo.yaml` of OGC API Processes, with links."""

from __future__ import annotations

from datetime import datetime

from layers.types import Json
from twin.executions.job import ProcessJob

_RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"


_MESSAGES = {"accepted": "等候执行 waits for its turn", "running": "执行中 is being computed"}


def link(href: str, rel: str, title: str, media_type: str = "application/json") -> Json:
    """Return a link."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def job_status(job: ProcessJob, base: str) -> Json:
    """Return the status of a job as its owner sees it."""
    own = f"{base}/ogc/jobs/{job.id}"
    times = {
        "created": job.created_at,
        "started": job.started_at,
        "finished": job.finished_at,
        "updated": job.updated_at,
        "expires": job.expires_at,
    }
    told = {
        "processID": job.process,
        "type": "process",
        "jobID": str(job.id),
        "status": job.status,
        "progress": job.progress,
        **{name: _written(at) for name, at in times.items() if at is not None},
        "links": [link(own, "self", "状态 Status"), link(f"{own}/results", _RESULTS, "结果 Results")],
    }
    message = job.message or _MESSAGES.get(job.status)
    return told if message is None else told | {"message": message}


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
