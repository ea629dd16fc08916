"""The documents of jobs: `statusInfo.yaml` of OGC API Processes, with links."""

from __future__ import annotations

from datetime import datetime

from layers.types import Json
from twin.executions.job import ProcessJob

_RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"


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
    return told if job.message is None else told | {"message": job.message}


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
