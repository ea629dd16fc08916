"""The retention periods of the twin."""

from __future__ import annotations

from datetime import timedelta

from server.settings import Settings
from twin.store.retention import RetentionPeriods


def retention_periods(settings: Settings) -> RetentionPeriods:
    """Return the retention periods of the settings."""
    days = settings.retention
    return RetentionPeriods(
        positions=timedelta(days=days.positions_days),
        observations=timedelta(days=days.observations_days),
        layers=timedelta(days=days.layers_days),
        log=timedelta(days=days.log_days),
        receipts=timedelta(days=days.receipts_days),
        refused=timedelta(days=days.refused_days),
        event_details=timedelta(days=days.event_details_days),
        events=timedelta(days=days.events_days),
        quarantine=timedelta(days=days.quarantine_days),
        drops=timedelta(days=days.drops_days),
    )
