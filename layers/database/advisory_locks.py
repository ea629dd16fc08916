"""The advisory locks of a OneMap database, all in one table.

PostgreSQL identifies an advisory lock by its number alone. The numbers must stay the same in every version, because
programs of two versions may work on one database. SQL functions name the member beside its number.
"""

from __future__ import annotations

from enum import IntEnum


class AdvisoryLock(IntEnum):
    """Numbers of advisory locks. Locks of a single layer, file or raster hash its name instead.

    Attributes
    ----------
    MIGRATION
        One program migrates at a time; held for a connection.
    CHANGE_LOG
        One transaction appends to the change log at a time, to its commit (twin/store/sql/010_log.sql).
    DAYS
        One transaction makes or drops partitions of days at a time (twin/store/sql/020_days.sql).
    LEADER
        One ingest process works per database; held for a connection, and only ever tried for.
    FIVE_MINUTES
        Writers of observations share it; the job that closes buckets takes it alone
        (twin/store/sql/040_observation_buckets.sql).
    FEATURES
        One writer of a layer's features at a time, with the hash of the layer's id as second key.
    WARNING_CHAINS
        One writer joins chains of warnings at a time; warnings are rare.
    LOGIN
        Attempts to log in are counted one after the other for an account and for an address; with the hash of its name
        as second key (layers/schema/sql/100_identity.sql).
    EVENTS
        One writer of events and their versions at a time. A transaction takes it before it writes any of them: a chain
        of warnings writes several events in several statements, in an order that another writer does not know.
    """

    MIGRATION = 440106
    CHANGE_LOG = 440107
    DAYS = 440108
    LEADER = 440109
    FIVE_MINUTES = 440110
    FEATURES = 440111
    WARNING_CHAINS = 440112
    LOGIN = 440113
    EVENTS = 440114
