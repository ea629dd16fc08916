"""Log lines on standard error: plain, with the traceback of a fault but never the values in it: they may be secrets."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs() -> None:
    """Send log lines of this process to standard error, warnings and worse."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),  # what a command prints is its answer, not its log
    )
