"""OGC API Processes: every process is an operation of ours, run as a request of its caller, at once or as a job."""
