"""Processes of `onemap up`: the supervisor, web workers, the ingest process and the demo city."""
